"""Time of a TD3+BC update, one member, 256-256, batch 256, over the plain loop of
benchmarks/plain.py.

The plain loop runs at torch's defaults, matrix products included.
"""

from __future__ import annotations

import numpy as np

from benchmarks.figure import Figure, best_device, on
from benchmarks.made_up import ACTION, OBSERVATION, one_thread, trajectories
from benchmarks.plain import TD3BC, Actor, Critic, PlainReplay
from benchmarks.timing import on_one_core, ratio
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining

UPDATES, BATCH, HIDDEN = 100, 256, (256, 256)


def measure() -> Figure:
    device = best_device()
    target = 0.45 if device == "cpu" else 0.1
    return Figure(
        on(device, "td3bc_vs_plain_eager"),
        per_member(1, device),
        target,
        "lower",
        device,
    )


def per_member(members: int, device: str) -> float:
    """Our time per member and update, as CUDA graphs on a GPU, over the plain loop's
    per update."""
    one_thread()
    data, settings = (
        trajectories(20_000),
        LearnerSettings(batch_size=BATCH, hidden=HIDDEN),
    )
    training = TaskTraining(
        Finetune(), settings, data, (), None, range(members), device, graphs=True
    )
    agent = TD3BC(
        Actor(OBSERVATION, ACTION, HIDDEN).to(device),
        Critic(OBSERVATION, ACTION, HIDDEN).to(device),
    )
    columns = (
        data.observation,
        data.action,
        data.next_observation,
        data.reward[:, None],
        data.terminal[:, None],
    )
    replay = PlainReplay([column.astype(np.float32) for column in columns], device)

    def plain() -> None:
        for _ in range(UPDATES):
            batch = replay.sample(BATCH)
            agent.update(batch, batch.action.new_empty(batch.action.shape).normal_())

    with on_one_core():
        return ratio(lambda: training.block(UPDATES), plain) / members
