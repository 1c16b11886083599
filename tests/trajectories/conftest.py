"""A small sound table: three episodes of 3, 1 and 4 steps; the first is terminal, the
others time-outs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

TableMaker = Callable[..., Trajectories]


def make_table(
    lengths: tuple[int, ...] = (3, 1, 4),
    seed: int = 0,
    **metadata: object,
) -> Trajectories:
    draw, rows = np.random.default_rng(seed), sum(lengths)
    states = [
        draw.standard_normal((length + 1, 5), dtype=np.float32) for length in lengths
    ]
    ends = np.cumsum(lengths) - 1
    terminal, timeout = np.zeros(rows, bool), np.zeros(rows, bool)
    terminal[ends[:1]], timeout[ends[1:]] = True, True
    return Trajectories(
        observation=np.concatenate([s[:-1] for s in states]),
        action=draw.uniform(-1, 1, (rows, 2)).astype(np.float32),
        next_observation=np.concatenate([s[1:] for s in states]),
        reward=draw.standard_normal(rows, dtype=np.float32),
        terminal=terminal,
        timeout=timeout,
        episode=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
        step=np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        metadata={"suite": "cheetah_vel_signed", "task": 1, "horizon": 4, **metadata},
    )


@pytest.fixture
def make() -> TableMaker:
    return make_table


@pytest.fixture
def table() -> Trajectories:
    return make_table()


@pytest.fixture
def buffer(table: Trajectories) -> ReplayBuffer:
    rows = np.array([6, 0, 3])
    chosen = table.select(rows)
    return ReplayBuffer(
        chosen.observation,
        chosen.action,
        chosen.next_observation,
        chosen.reward,
        chosen.terminal,
        chosen.timeout,
        target_action=-chosen.action,
        row=rows.astype(np.int64),
        order=np.arange(3, dtype=np.int32),
        rollout=np.zeros(3, np.int32),
        step=np.arange(3, dtype=np.int32),
        distance=np.array([0.1, 0.2, np.nan], np.float32),
        uncertainty=np.array([1.0, 2.0, np.nan], np.float32),
        walked=np.array([True, True, False]),
        metadata={"selector": "mbes"},
    )
