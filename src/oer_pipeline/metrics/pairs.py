"""Methods compared in pairs, paired by seed, with Holm's correction for how many
comparisons there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt

import numpy as np

from oer_pipeline.metrics.intervals import FEWEST, Estimate, paired_difference

LEVEL = 0.05
"""A corrected p-value below it tells two methods apart."""

Scores = Mapping[str, Mapping[str, float | None]]
"""Method -> seed -> its value."""


@dataclass(frozen=True)
class Pair:
    """Two methods and their difference `first - second` over common seeds.

    Attributes:
        first, second: names.
        difference: its estimate; None without a common seed.
        p: of the paired t test, two-sided; None with fewer than 3 common seeds.
        corrected: `p` after Holm's correction for all comparisons that it is among.
    """

    first: str
    second: str
    difference: Estimate | None
    p: float | None
    corrected: float | None = None

    @property
    def is_told_apart(self) -> bool:
        """Whether the difference exceeds the noise, all comparisons counted."""
        if self.corrected is None:
            return False
        return self.corrected < LEVEL

    @property
    def is_ahead(self) -> bool:
        """Whether the interval of this difference, by itself, lies above 0."""
        if self.difference is None:
            return False
        low = self.difference.low
        return low is not None and low > 0.0


def all_pairs(scores: Scores) -> list[Pair]:
    """All pairs, in the order of the methods, corrected for how many they are."""
    names = list(combinations(scores, 2))
    return _compared(scores, names)


def against(scores: Scores, best: str) -> list[Pair]:
    """One method, such as the best, against each other one, corrected for how many
    these are."""
    names = []
    for name in scores:
        if name != best:
            names.append((best, name))
    return _compared(scores, names)


def _compared(
    scores: Scores,
    names: Sequence[tuple[str, str]],
) -> list[Pair]:
    """The pairs of these names."""
    found = []
    for first, second in names:
        difference = paired_difference(scores[first], scores[second])
        p = None
        if difference is not None:
            p = _p_value(difference.values)
        found.append(Pair(first, second, difference, p))
    known = {}
    for number, pair in enumerate(found):
        if pair.p is not None:
            known[number] = pair.p
    corrected = holm(list(known.values()))
    for number, value in zip(known, corrected, strict=True):
        pair = found[number]
        found[number] = replace(pair, corrected=value)
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979, "A Simple Sequentially Rejective Multiple
    Test Procedure"), in the order given."""
    count = len(p_values)
    corrected = [0.0] * count
    largest = 0.0
    ascending = np.argsort(p_values, kind="stable")
    for rank, number in enumerate(ascending):
        left = count - rank
        scaled = min(1.0, left * p_values[number])
        largest = max(largest, scaled)
        corrected[number] = largest
    return corrected


def _p_value(differences: Sequence[float]) -> float | None:
    """Of Student's t test that the mean difference is 0."""
    from scipy.special import stdtr

    count = len(differences)
    if count < FEWEST:
        return None
    values = np.asarray(differences, np.float64)
    mean = abs(float(values.mean()))
    deviation = float(values.std(ddof=1))
    error = deviation / sqrt(count)
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    t = mean / error
    one_sided = stdtr(count - 1, -t)
    return float(2.0 * one_sided)
