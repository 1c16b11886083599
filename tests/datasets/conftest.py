"""A table of two episodes of three steps, and a buffer of two of its rows."""

from __future__ import annotations

import numpy as np
import pytest

from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories


@pytest.fixture
def table() -> Trajectories:
    draw = np.random.default_rng(0)
    states = draw.standard_normal((2, 4, 3), dtype=np.float32)
    last = np.array([False, False, True] * 2)
    return Trajectories(
        observation=states[:, :-1].reshape(6, 3),
        action=draw.uniform(-1, 1, (6, 2)).astype(np.float32),
        next_observation=states[:, 1:].reshape(6, 3),
        reward=draw.standard_normal(6, dtype=np.float32),
        terminal=np.zeros(6, bool),
        timeout=last,
        episode=np.repeat(np.arange(2, dtype=np.int32), 3),
        step=np.tile(np.arange(3, dtype=np.int32), 2),
        metadata={"suite": "cheetah_vel_signed", "horizon": 3},
    )


@pytest.fixture
def buffer(table: Trajectories) -> ReplayBuffer:
    chosen = table.select(np.array([1, 4]))
    columns = {
        name: array for name, array in chosen.arrays().items() if name != "episode"
    }
    return ReplayBuffer(
        **columns,
        target_action=chosen.action,
        row=np.array([1, 4]),
        order=np.arange(2, dtype=np.int32),
        rollout=np.zeros(2, np.int32),
        distance=np.zeros(2, np.float32),
        uncertainty=np.zeros(2, np.float32),
        walked=np.ones(2, bool),
    )
