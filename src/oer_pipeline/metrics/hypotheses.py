"""Tests of several claims at once: paired t over units, with Holm's correction.

A unit is whatever was repeated independently: in a study a task order with a seed of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, sqrt

import numpy as np

from oer_pipeline.metrics.intervals import FEWEST

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

    if len(differences) < FEWEST:
        return None
    mean = float(np.mean(differences))
    error = standard_error(differences)
    freedom = len(differences) - 1
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    statistic = abs(mean) / error
    one_tail = float(stdtr(freedom, -statistic))
    return 2.0 * one_tail


def standard_error(differences: Sequence[float]) -> float:
    """Of the mean; infinite for fewer than `FEWEST` units."""
    units = len(differences)
    if units < FEWEST:
        return inf
    deviation = float(np.std(differences, ddof=1))
    return deviation / sqrt(units)


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
        claims_left = len(ascending) - place
        own = min(1.0, claims_left * p_values[name])
        largest = max(largest, own)
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def detectable(
    differences: Sequence[float],
    claims: int = 1,
) -> float:
    """The mean difference that as many units with this spread show in `POWER` of all
    studies, at the level that Holm's correction leaves to the first of `claims`.

    By Student's t in place of its non-central form, which is a little optimistic below
    eight units. Infinite for fewer than `FEWEST` units.
    """
    from scipy.special import stdtrit

    freedom = len(differences) - 1
    if len(differences) < FEWEST:
        return inf
    level = LEVEL / claims
    upper = 1.0 - level / 2.0
    rejects = float(stdtrit(freedom, upper))
    reaches = float(stdtrit(freedom, POWER))
    errors = rejects + reaches
    return errors * standard_error(differences)
