"""Deterministic evaluation of many members on many tasks, all episodes in lock step.

Shapes: K tasks, M members, E episodes, D observation, A action.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.rollout import Episodes, episode_generators, in_blocks, rollout
from oer_pipeline.suites.suite import Task

ActOnTask = Callable[[Task, FloatArray], FloatArray]
"""(task, observations (M, E, D)) -> actions (M, E, A)."""


def evaluate(
    tasks: Sequence[Task], act: ActOnTask, members: int, episodes: int, purpose: str
) -> list[list[Episodes]]:
    """Roll every member out on every task: result[k][m] holds E episodes.

    Start states are a function of (purpose, task, episode), the same for all members
    and methods, and of another purpose than collection's, so never those of the data;
    where a task has a list of starts, those held out.
    """
    each = members * episodes
    physics = [p for task in tasks for p in [task.physics().held_out()] * each]
    generators = [
        g
        for t in tasks
        for _ in range(members)
        for g in episode_generators(purpose, 0, t.index, episodes)
    ]

    def act_on_all(observation: FloatArray, _step: int) -> FloatArray:
        parts = observation.reshape(len(tasks), members, episodes, -1)
        actions = [
            _act_in_blocks(act, task, part)
            for task, part in zip(tasks, parts, strict=True)
        ]
        return np.stack(actions).reshape(len(tasks) * each, -1)

    everything = rollout(physics, generators, act_on_all, tasks[0].horizon)
    chunks = [
        everything.take(slice(i * episodes, (i + 1) * episodes))
        for i in range(len(tasks) * members)
    ]
    return [chunks[k * members : (k + 1) * members] for k in range(len(tasks))]


def _act_in_blocks(
    act: ActOnTask, task: Task, observation_MED: FloatArray
) -> FloatArray:
    """The actions (M, E, A), the same whatever the number of episodes."""

    def block(observation_EMD: FloatArray) -> FloatArray:
        return act(task, np.ascontiguousarray(observation_EMD.swapaxes(0, 1))).swapaxes(
            0, 1
        )

    return in_blocks(block, observation_MED.swapaxes(0, 1)).swapaxes(0, 1)
