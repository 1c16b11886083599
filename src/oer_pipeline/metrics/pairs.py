"""Methods compared in pairs, paired by seed, with Holm's correction for how many
comparisons there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from oer_pipeline.metrics.hypotheses import LEVEL, holm, paired_p_value
from oer_pipeline.metrics.intervals import Estimate, paired_difference

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
        """Whether the difference exceeds the noise, all comparisons counted: its
        corrected p-value is below `LEVEL`."""
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
            p = paired_p_value(difference.values)
        found.append(Pair(first, second, difference, p))
    p_values = {}
    for place, pair in enumerate(found):
        if pair.p is not None:
            p_values[str(place)] = pair.p
    corrected = holm(p_values)
    for place, pair in enumerate(found):
        found[place] = replace(pair, corrected=corrected.get(str(place)))
    return found
