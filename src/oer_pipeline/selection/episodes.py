"""Whole episodes up to a number of rows. Shapes: E episodes, M rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.trajectories.table import Trajectories


def rows_of(data: Trajectories, episodes: Iterable[int], size: int) -> IntArray:
    """The first `size` rows (M,) int64 of the episodes (E,), in their order; the last
    one is cut."""
    starts, lengths, parts, missing = (
        data.starts,
        data.lengths,
        [np.empty(0, np.int64)],
        size,
    )
    for episode in episodes:
        parts.append(
            starts[episode] + np.arange(min(missing, lengths[episode]), dtype=np.int64)
        )
        missing -= len(parts[-1])
        if missing == 0:
            break
    return np.concatenate(parts)


def means(data: Trajectories, scores: FloatArray) -> FloatArray:
    """Each episode's mean (E,) of its rows' scores (N,), float64.

    Rows of score -inf have none and do not count; an episode of nothing else has -inf.
    """
    has_one = scores > -np.inf
    total = np.add.reduceat(
        np.where(has_one, scores, 0.0), data.starts, dtype=np.float64
    )
    count = np.add.reduceat(has_one, data.starts, dtype=np.int64)
    nothing = np.full(len(count), -np.inf)
    return np.asarray(np.divide(total, count, out=nothing, where=count > 0))
