"""Tests of several claims at once: paired t over units, with Holm's correction.

A unit is whatever was repeated independently: in a study a task order with a seed of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, sqrt

import numpy as np

FEWEST = 3
"""Units that it takes for a test."""
LEVEL = 0.05
POWER = 0.8


def paired_p_value(differences: Sequence[float]) -> float | None:
    """Two-sided p-value of Student's paired t test that the mean difference is 0.

    Args:
        differences: one per unit.

    Returns:
        None for fewer than `FEWEST` units, which say nothing about their spread.
    """
    from scipy.special import stdtr

    values = np.asarray(differences, np.float64)
    units = len(values)
    if units < FEWEST:
        return None
    spread = values.std(ddof=1) / sqrt(units)
    mean = float(values.mean())
    if spread == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2.0 * stdtr(units - 1, -abs(mean) / spread))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values (Holm 1979): a claim whose adjusted value is below the level
    may be rejected, and the chance of one wrong rejection among all is below it too.

    Args:
        p_values: of every claim, by name.

    Returns:
        Of each, at least its own value, at most 1, in the order of `p_values`.
    """
    ascending = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(ascending):
        factor = len(ascending) - place
        largest = max(largest, min(1.0, factor * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def detectable(differences: Sequence[float], claims: int = 1) -> float:
    """The mean difference that as many units with this spread show in `POWER` of all
    studies, at the level that Holm's correction leaves to the first of `claims`.

    By Student's t in place of its non-central form, which is a little optimistic below
    eight units. Infinite for fewer than `FEWEST` units.
    """
    from scipy.special import stdtrit

    units = len(differences)
    if units < FEWEST:
        return inf
    spread = float(np.std(differences, ddof=1)) / sqrt(units)
    level = LEVEL / claims
    rejects = float(stdtrit(units - 1, 1.0 - level / 2.0))
    reaches = float(stdtrit(units - 1, POWER))
    return (rejects + reaches) * spread
