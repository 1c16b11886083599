"""Steps per second of an evaluation, policy included, one core, over a plain gymnasium
loop with the same policy.

Three members of 128-128 and ten episodes each, as the default size evaluates; the loop
steps one environment at a time and asks a torch module with the same weights for every
action, as published evaluation code does. Ants and walkers have figures of their own:
MuJoCo takes most of their time, whoever drives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import torch

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread
from benchmarks.plain import Actor
from benchmarks.timing import ratio
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.suites.behaviour import UniformPolicy, play
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.suite import Suite, Task

SEEDS, EPISODES, HORIZON, HIDDEN = (0, 1, 2), 10, 200, (128, 128)
LOOP_EPISODES = 10
GENTLE = 0.1
"""Share of the untrained policy's action that is applied: walkers fall at once from the
whole of it."""


def measure() -> Figure:
    return Figure(
        "rollout_vs_gymnasium_loop",
        faster("cheetah_vel", "oer/CheetahVel-v0"),
        1.5,
        "higher",
    )


def faster(family: str, id_: str, **kwargs: Any) -> float:
    """Steps per second over those of a loop with `gymnasium.make(id_, **kwargs)`, on
    task 0 of the family's list."""
    one_thread()
    config = {"family": family, "horizon": HORIZON, "tasks": {"ids": "0"}}
    (task,) = Suite.from_config("benchmark", config).tasks
    data = table_from_episodes(
        play(task, UniformPolicy(), EPISODES, "benchmark"), {}, HORIZON
    )
    policies = TaskTraining(
        Finetune(), LearnerSettings(hidden=HIDDEN), data, (), None, SEEDS
    ).result()
    ours, loop = (
        Counted(lambda: evaluation(task, policies)),
        Counted(lambda: gymnasium_loop(id_, policies, **kwargs)),
    )
    seconds = ratio(ours, loop, rounds=9)
    return ours.steps / loop.steps / seconds


@dataclass
class Counted:
    """A workload that says how many environment steps it took."""

    work: Callable[[], int]
    steps: int = 0

    def __call__(self) -> None:
        self.steps = self.work()


def evaluation(task: Task, policies: Policies) -> int:
    def act(_: Task, observation: FloatArray) -> FloatArray:
        return GENTLE * policies.deployed_action(1, observation)

    [members] = evaluate_policies([task], act, len(SEEDS), EPISODES, "benchmark")
    return sum(int(episodes.length.sum()) for episodes in members)


def gymnasium_loop(id_: str, policies: Policies, **kwargs: Any) -> int:
    """One episode after another of the first member's policy."""
    environment = gymnasium.make(id_, max_episode_steps=HORIZON, **kwargs)
    actor, standardise = plain_actor(policies), policies.standardisers[0]
    steps = 0
    for episode in range(LOOP_EPISODES):
        observation, _ = environment.reset(seed=episode)
        over = False
        while not over:
            with torch.no_grad():
                state = torch.FloatTensor(standardise(observation).reshape(1, -1))
                action = GENTLE * actor(state, 1).cpu().numpy().flatten()
            observation, _, terminated, truncated, _ = environment.step(action)
            over, steps = terminated or truncated, steps + 1
    return steps


def plain_actor(policies: Policies) -> Actor:
    """The first member's network as a module of its own."""
    weights = list(policies.deployed.values())
    actor = Actor(weights[0].shape[1], weights[-1].shape[2], HIDDEN)
    with torch.no_grad():
        for own, stacked in zip(actor.parameters(), weights, strict=True):
            own.copy_(stacked[0].T.reshape(own.shape))
    return actor
