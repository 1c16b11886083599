"""Whole episodes up to a number of rows. Shapes: N rows of the data, E episodes, M rows
chosen."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.trajectories.table import Trajectories


def rows_of(
    data: Trajectories,
    episodes: Iterable[int],
    size: int,
) -> IntArray:
    """The first `size` rows (M,) int64 of the episodes (E,), in their order; the last
    one is cut."""
    starts = data.starts
    lengths = data.lengths
    parts = [np.empty(0, np.int64)]
    missing = size
    for episode in episodes:
        length = min(missing, lengths[episode])
        parts.append(starts[episode] + np.arange(length, dtype=np.int64))
        missing -= length
        if missing == 0:
            break
    return np.concatenate(parts)


def means(
    data: Trajectories,
    scores: FloatArray,
) -> FloatArray:
    """Each episode's mean (E,) of its rows' scores (N,), float64.

    Rows of score -inf have none and do not count; an episode of nothing else has -inf.
    """
    scored = scores > -np.inf
    counted = np.where(scored, scores, 0.0)
    total = np.add.reduceat(counted, data.starts, dtype=np.float64)
    count = np.add.reduceat(scored, data.starts, dtype=np.int64)
    nothing = np.full(len(count), -np.inf)
    return np.asarray(np.divide(total, count, out=nothing, where=count > 0))
