"""Deterministic evaluation of many members on many tasks, episodes in lock step.

Shapes: K tasks, M members, E episodes, D observation, A action.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.physics import Physics
from oer_pipeline.suites.rollout import (
    AT_ONCE,
    Episodes,
    episode_generators,
    in_blocks,
    in_parts,
    rollout,
)
from oer_pipeline.suites.suite import Task

ActOnTask = Callable[[Task, FloatArray], FloatArray]
"""(task, observations (M, E, D)) -> actions (M, E, A)."""


def evaluate_policies(
    tasks: Sequence[Task],
    act: ActOnTask,
    members: int,
    episodes: int,
    purpose: str,
) -> list[list[Episodes]]:
    """Roll every member out on every task: `result[k][m]` holds E episodes.

    Start states are a function of (purpose, task, episode), the same for all members
    and methods, and of another purpose than collection's, so never those of the data;
    where a task has a list of starts, those held out.

    Args:
        tasks: K tasks of one suite.
        act: the members' policies.
        members: M.
        episodes: E per member and task.
        purpose: what the episodes are for, such as `evaluation`.
    """
    at_once = max(1, AT_ONCE // (len(tasks) * members))
    parts = []
    for numbers in in_parts(range(episodes), at_once):
        parts.append(_evaluated(tasks, act, members, numbers, purpose))
    by_task = []
    for k in range(len(tasks)):
        of_members = []
        for m in range(members):
            of_members.append(Episodes.joined([part[k][m] for part in parts]))
        by_task.append(of_members)
    return by_task


def _evaluated(
    tasks: Sequence[Task],
    act: ActOnTask,
    members: int,
    numbers: range,
    purpose: str,
) -> list[list[Episodes]]:
    """The episodes of some numbers, all in lock step."""
    episodes = len(numbers)
    physics: list[Physics] = []
    generators: list[np.random.Generator] = []
    for task in tasks:
        simulator = task.physics().held_out()
        physics += [simulator] * (members * episodes)
        for _ in range(members):
            generators += episode_generators(
                purpose, 0, task.index, episodes, numbers.start
            )

    def act_on_all(observation: FloatArray, _step: int) -> FloatArray:
        observation_KMED = observation.reshape(len(tasks), members, episodes, -1)
        actions = []
        for task, observation_MED in zip(tasks, observation_KMED, strict=True):
            actions.append(_act_in_blocks(act, task, observation_MED))
        return np.stack(actions).reshape(len(observation), -1)

    horizon = tasks[0].horizon
    everything = rollout(physics, generators, act_on_all, horizon)
    by_task: list[list[Episodes]] = []
    first = 0
    for _ in tasks:
        by_member = []
        for _ in range(members):
            chunk = slice(first, first + episodes)
            by_member.append(everything.take(chunk))
            first += episodes
        by_task.append(by_member)
    return by_task


def _act_in_blocks(
    act: ActOnTask,
    task: Task,
    observation_MED: FloatArray,
) -> FloatArray:
    """The actions (M, E, A), the same whatever the number of episodes."""

    def act_on_block(observation_EMD: FloatArray) -> FloatArray:
        block_MED = np.ascontiguousarray(observation_EMD.swapaxes(0, 1))
        return act(task, block_MED).swapaxes(0, 1)

    action_EMA = in_blocks(act_on_block, observation_MED.swapaxes(0, 1))
    return action_EMA.swapaxes(0, 1)
