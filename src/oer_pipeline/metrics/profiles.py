"""Performance profiles: which share of runs reaches a score (Agarwal et al. 2021, "Deep
Reinforcement Learning at the Edge of the Statistical Precipice", section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.intervals import interval

POSSIBLE = (0.0, 1.0)


@dataclass(frozen=True)
class Profile:
    """A run-score distribution.

    Attributes:
        thresholds: scores, (T,).
        share: of runs, a run being a seed on a task, that score more, (T,).
        low, high: its 95 % interval at each threshold by itself, (T,); NaN with fewer
            than 3 seeds.
    """

    thresholds: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray


def performance_profile(scores: ArrayLike, thresholds: ArrayLike) -> Profile:
    """The profile of a method.

    The paper's bands resample runs within each task. Tasks of one seed share their
    networks here and are not independent, so the unit is the seed (`intervals`): the
    interval is that of the mean over seeds of each seed's share of tasks.

    Args:
        scores: at the end of the sequence, (S, N).
        thresholds: (T,).

    Raises:
        DataError: scores that are no matrix, or not finite.
    """
    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise DataError(
            f"scores of a profile have shape {values.shape}; they have to be finite, "
            "(seeds, tasks), at least one of each"
        )
    places = np.asarray(thresholds, np.float64)
    above = values[:, :, np.newaxis] > places
    shares_ST = above.mean(axis=1)
    low = np.full(len(places), np.nan)
    high = np.full(len(places), np.nan)
    for number, shares in enumerate(shares_ST.T):
        estimate = interval(list(shares), possible=POSSIBLE)
        if estimate.low is not None and estimate.high is not None:
            low[number] = estimate.low
            high[number] = estimate.high
    return Profile(places, shares_ST.mean(axis=0), low, high)
