"""Which regimes of a study leave room for selection (docs/study.md): without it claims
about buffers say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from oer_pipeline.metrics.hypotheses import standard_error
from oer_pipeline.metrics.intervals import FEWEST
from oer_pipeline.reports.table import Table
from oer_pipeline.studies.grids import ALL, Grid
from oer_pipeline.studies.regimes import Regime, regimes_of
from oer_pipeline.studies.results import Results

CEILING, FLOOR, ALONE, UNIFORM = "er_everything", "finetune", "single_task", "er_random"
JUDGED_BY = (ALONE, FLOOR, CEILING, UNIFORM)
"""Methods by which a regime qualifies."""
ENOUGH = 80.0
"""Least PER of `single_task` in a regime that qualifies; where the data's own episodes
are worth less, as much as they are."""
ROOM = 5.0
"""Least PER by which `er_everything` is ahead of `er_random` in it."""
UNKNOWN = "too few orders of all four yet"
"""Said of a regime instead of whether it qualifies."""


@dataclass(frozen=True)
class Qualification:
    """What a regime is judged by.

    Attributes:
        regime: which.
        values: PER of `JUDGED_BY` on the orders that all of them have.
        wanted: how many orders the grid's file has.
    """

    regime: Regime
    values: Mapping[str, Sequence[float]]
    wanted: int

    @property
    def orders(self) -> int:
        """How many there are as yet."""
        return len(self.values[ALONE])

    @property
    def qualifies(self) -> bool | None:
        """Whether the regime leaves room for selection; None: too few orders yet."""
        if self.orders < max(FEWEST, self.wanted):
            return None
        return self._objection() is None

    @property
    def verdict(self) -> str:
        """`yes`, or the first reason why it does not qualify or cannot be told."""
        if self.qualifies is None:
            return UNKNOWN
        objection = self._objection()
        return "yes" if objection is None else f"no: {objection}"

    def _objection(self) -> str | None:
        """The first reason why it does not qualify; None: there is none."""
        alone = fmean(self.values[ALONE])
        enough = ENOUGH
        if self.regime.data is not None:
            enough = min(ENOUGH, self.regime.data)
        if alone < enough:
            return f"{ALONE} is below {enough:.0f}"
        if fmean(self.values[FLOOR]) > alone / 2.0:
            return f"{FLOOR} keeps over half"
        ahead = []
        pairs = zip(self.values[CEILING], self.values[UNIFORM], strict=True)
        for ceiling, uniform in pairs:
            ahead.append(ceiling - uniform)
        mean = fmean(ahead)
        error = standard_error(ahead)
        if mean < ROOM or mean < 2.0 * error:
            return f"all data are {mean:.1f} ahead (standard error {error:.1f})"
        return None


def qualifications(
    results: Results,
    grids: Sequence[Grid],
) -> list[Qualification]:
    """Every regime whose grid has all methods by which it is judged.

    Args:
        results: of the grids.
        grids: of the study.
    """
    found = []
    for grid in grids:
        if grid.methods != ALL and not set(JUDGED_BY) <= set(grid.methods):
            continue
        of_grid = [result for result in results if result.grid == grid.name]
        for regime in regimes_of(of_grid):
            values = _in_common(regime)
            found.append(Qualification(regime, values, len(grid.orders)))
    return found


def regimes_table(found: Sequence[Qualification]) -> str:
    """Markdown: what each regime leaves room for, and whether it qualifies."""
    rows = []
    for each in found:
        shown = [_one(each.regime.data)]
        for method in JUDGED_BY:
            mean = fmean(each.values[method]) if each.orders else None
            shown.append(_one(mean))
        rows.append(
            (
                each.regime.name,
                *shown,
                str(each.orders),
                each.verdict,
            )
        )
    titles = ("regime", "data", *JUDGED_BY, "orders", "qualifies")
    return Table(titles, tuple(rows)).markdown()


def qualifies_by_regime(found: Sequence[Qualification]) -> dict[str, bool]:
    """Whether selection matters, by a regime's name without its grid: grids that have
    not all methods by which it is judged count as the first that has."""
    by_regime: dict[str, bool] = {}
    for each in found:
        if each.qualifies is not None:
            by_regime.setdefault(each.regime.without_grid, each.qualifies)
    return by_regime


def _one(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.1f}"


def _in_common(regime: Regime) -> dict[str, list[float]]:
    """PER of the methods by which a regime qualifies, on the orders that all of them
    have."""
    values = {method: regime.values(method, "per") for method in JUDGED_BY}
    orders = set.intersection(*(set(of_orders) for of_orders in values.values()))
    found = {}
    for method, of_orders in values.items():
        found[method] = [of_orders[order] for order in sorted(orders)]
    return found
