"""What a comparison comes to, in words with numbers: ranked by PER, paired by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oer_pipeline.metrics.hypotheses import LEVEL
from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.metrics.pairs import Pair, against, all_pairs
from oer_pipeline.reports.cell_metrics import (
    Cell,
    estimate,
    on_shared_seeds,
    ranked,
    scale,
    shared_values,
)
from oer_pipeline.reports.table import one_line
from oer_pipeline.reports.tables import fixed, nothing_done, number

POINTS = {
    "success": "percentage points",
    "normalised": "points",
    "raw": "of return",
}
LONGEST = 5
"""Methods that a sentence lists; the tables have all of them."""


@dataclass(frozen=True)
class Standing:
    """Methods by rank, and which of them the best can't be told from.

    Attributes:
        order: names, best mean PER first.
        of_pair: every pair, by its names in that order.
        from_best: each other method against the best, corrected for how many they are.

    Pairs are compared on the seeds that all share (`cell_metrics.shared_seeds`).
    """

    order: Sequence[str]
    of_pair: Mapping[tuple[str, str], Pair]
    from_best: Mapping[str, Pair]

    @property
    def best(self) -> str:
        return self.order[0]

    @property
    def leaders(self) -> list[str]:
        """The best, and what a test can't tell from it."""
        leaders = [self.best]
        for name in self.order[1:]:
            if name not in self.untested and not self.is_worse(name):
                leaders.append(name)
        return leaders

    @property
    def others(self) -> list[str]:
        """What a test tells from the best."""
        known = {*self.leaders, *self.untested}
        return [name for name in self.order if name not in known]

    @property
    def untested(self) -> list[str]:
        """What has too few seeds in common with the best."""
        return [name for name, pair in self.from_best.items() if pair.p is None]

    def is_worse(self, name: str) -> bool:
        """Whether a method is told apart from the best, below it."""
        pair = self.from_best[name]
        difference = pair.difference
        return pair.is_told_apart and difference is not None and difference.mean > 0.0


def standing(cells: Sequence[Cell]) -> Standing:
    """The methods' standing by PER, in the scale that leads.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = ranked(cells)
    scores = shared_values(order, "per", scale(order))
    names = list(scores)
    best = names[0]
    of_pair = {}
    for pair in all_pairs(scores):
        of_pair[pair.first, pair.second] = pair
    from_best = {}
    for pair in against(scores, best):
        from_best[pair.second] = pair
    return Standing(
        names,
        of_pair,
        from_best,
    )


def verdict(cells: Sequence[Cell]) -> list[str]:
    """Sentences, the first one what matters most.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = ranked(cells)
    found = standing(order)
    shown = scale(order)
    alike = on_shared_seeds(order)
    which = ""
    if [cell["seeds"] for cell in alike] != [cell["seeds"] for cell in order]:
        which = " on the seeds that they share"
    sentences = [
        _who_leads(found, POINTS[shown]),
        f"PER{which}: {_means(alike, shown)}.",
    ]
    sentences += _forgetting(alike, shown)
    sentences += _below_nothing(alike, shown)
    sentences += _not_compared(found)
    sentences.append(_basis(alike, found))
    return sentences


def _who_leads(found: Standing, points: str) -> str:
    best = found.best
    if len(found.order) == 1:
        return f"{best} alone: there is nothing to compare it with."
    if len(found.untested) == len(found.from_best):
        return (
            f"{best} has the highest mean PER; with fewer than 3 common seeds,"
            " chance can't be ruled out."
        )
    leaders = found.leaders
    if len(leaders) == 1:
        ahead = _ahead(found, points, "it")
        return f"{best} is ahead: {ahead}."
    last = leaders[-1]
    pair = found.of_pair[best, last]
    difference = _told(pair.difference)
    if len(leaders) > 2:
        difference = f"{best} - {last}: {difference}"
    text = f"{_listed(leaders)} can't be told apart ({difference})"
    if not found.others:
        return f"{text}."
    who = "both"
    if len(leaders) > 2:
        who = f"all {len(leaders)}"
    ahead = _ahead(found, points, who)
    return f"{text}; {ahead}."


def _ahead(
    found: Standing,
    points: str,
    who: str,
) -> str:
    """What the leaders have more than each other method."""
    told: list[str] = []
    unit = f" {points}"
    shown = found.others[:LONGEST]
    ahead = found.leaders
    if not all(_all_ahead(found, name) for name in shown):
        who = found.best
        ahead = [found.best]
    for name in shown:
        gap = _gap(found, ahead, name)
        interval = _told(found.of_pair[found.best, name].difference)
        if " to " in gap:
            interval = f"{found.best}: {interval}"
        told.append(f"{gap}{unit} more than {name} ({interval})")
        unit = ""  # said once
    more = len(found.others) - len(told)
    if more:
        told.append(f"more than {more} others")
    keep = "keep" if len(ahead) > 1 else "keeps"
    return f"{who} {keep} {_listed(told)}"


def _gap(found: Standing, ahead: Sequence[str], name: str) -> str:
    """`23`, or `22 to 23` where those ahead are not equally far ahead."""
    means = []
    for leader in ahead:
        difference = found.of_pair[leader, name].difference
        assert difference is not None
        means.append(difference.mean)
    least = fixed(min(means), 0)
    most = fixed(max(means), 0)
    return least if least == most else f"{least} to {most}"


def _all_ahead(found: Standing, name: str) -> bool:
    """Whether every leader is ahead of a method by more than its interval, which a
    leader is not that comes after it: what varies more is told apart less."""
    for leader in found.leaders:
        pair = found.of_pair.get((leader, name))
        if pair is None or not pair.is_ahead:
            return False
    return True


def _means(order: Sequence[Cell], shown: str) -> str:
    told = []
    for cell in order[:LONGEST]:
        name = cell["cell"]
        found = estimate(cell, "per", shown)
        told.append(f"{name} {_told(found)}")
    if len(order) > LONGEST:
        last = order[-1]
        name = last["cell"]
        told.append(f"the lowest is {name}'s, {_mean(last, shown)}")
    nothing = nothing_done(order[0], shown)
    if nothing is not None:
        told.append(f"doing nothing {fixed(nothing, 1)}")
    return ", ".join(told)


def _forgetting(order: Sequence[Cell], shown: str) -> list[str]:
    """Who forgets most, and who least."""
    known = []
    for cell in order:
        found = estimate(cell, "forgetting", shown)
        if found is None:
            continue
        name = cell["cell"]
        told = _told(found)
        known.append((found.mean, name, told))
    if len(known) < 2:
        return []
    known.sort()
    _, least, little = known[0]
    _, most, much = known[-1]
    if little == much:
        return [f"Forgetting: {little}, the same for all methods."]
    return [f"Forgetting: most {most}, {much}; least {least}, {little}."]


def _below_nothing(order: Sequence[Cell], shown: str) -> list[str]:
    """Methods that earn less than doing nothing."""
    nothing = nothing_done(order[0], shown)
    if nothing is None:
        return []
    below = []
    for cell in order:
        found = estimate(cell, "per", shown)
        if found is None:
            continue
        if found.mean < nothing:
            below.append(cell["cell"])
    if not below:
        return []
    return [f"Below the score of doing nothing: {_listed(below)}."]


def _not_compared(found: Standing) -> list[str]:
    """Methods that no test compares with the best, where others are."""
    untested = found.untested
    if not untested or len(untested) == len(found.from_best):
        return []
    return [
        f"Not compared, with fewer than 3 seeds in common with {found.best}:"
        f" {_listed(untested)}."
    ]


def _basis(order: Sequence[Cell], found: Standing) -> str:
    """What the words rest on."""
    counts = [len(cell["seeds"]) for cell in order]
    fewest = min(counts)
    most = max(counts)
    seeds = f"{fewest}"
    if most > fewest:
        seeds = f"{fewest} to {most}"
    word = "seed" if most == 1 else "seeds"
    text = f"{seeds} {word}, on the same data and transition models"
    tested = 0
    for pair in found.from_best.values():
        if pair.corrected is not None:
            tested += 1
    if not tested:
        return f"{text}."
    among = ""
    if tested > 1:
        among = f", corrected for {tested} comparisons (Holm),"
    return (
        f"{text}; differences of PER are paired by seed, mean [95 % interval]. Told"
        f" apart from {found.best}: p of the paired t test{among} below {LEVEL}."
    )


def _told(found: Estimate | None) -> str:
    """`0.5 [-2.5, 3.5]`; the mean alone where there is no interval."""
    if found is not None and found.low is None:
        return fixed(found.mean, 1)
    return one_line(number(found, 1))


def _mean(cell: Cell, shown: str) -> str:
    found = estimate(cell, "per", shown)
    if found is None:
        return "-"
    return fixed(found.mean, 1)


def _listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(names) > LONGEST + 1:
        more = len(names) - LONGEST
        names = [*names[:LONGEST], f"{more} others"]
    *others, last = names
    if not others:
        return last
    listed = ", ".join(others)
    return f"{listed} and {last}"
