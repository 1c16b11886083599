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
from oer_pipeline.studies.regimes import name_of, regimes_of, values_of
from oer_pipeline.studies.results import Results

CEILING, FLOOR, ALONE, UNIFORM = "er_everything", "finetune", "single_task", "er_random"
JUDGED_BY = (ALONE, FLOOR, CEILING, UNIFORM)
"""Methods by which a regime qualifies."""
ENOUGH = 80.0
"""That networks of their own reach in a regime that qualifies, unless the data's own
episodes are worth less: then those."""
ROOM = 5.0
"""By which replay of all old data is ahead of a uniform buffer there."""
UNKNOWN = "too few orders of all four yet"
"""Said of a regime instead of whether it qualifies."""


@dataclass(frozen=True)
class Qualification:
    """What a regime is judged by.

    Attributes:
        regime: its name.
        values: PER of `JUDGED_BY` on the orders that all of them have.
        data: what the data's own episodes are worth; None: not known.
        wanted: how many orders the grid's file has.
    """

    regime: str
    values: Mapping[str, Sequence[float]]
    data: float | None
    wanted: int

    @property
    def orders(self) -> int:
        """How many there are as yet."""
        return len(self.values[ALONE])

    @property
    def verdict(self) -> str:
        """`yes`, or the first reason why it does not qualify or cannot be told."""
        if self.orders < max(FEWEST, self.wanted):
            return UNKNOWN
        alone = fmean(self.values[ALONE])
        enough = ENOUGH
        if self.data is not None:
            enough = min(ENOUGH, self.data)
        if alone < enough:
            return f"no: {ALONE} is below {enough:.0f}"
        if fmean(self.values[FLOOR]) > alone / 2.0:
            return f"no: {FLOOR} keeps over half"
        ahead = []
        pairs = zip(self.values[CEILING], self.values[UNIFORM], strict=True)
        for ceiling, uniform in pairs:
            ahead.append(ceiling - uniform)
        mean = fmean(ahead)
        errors = standard_error(ahead)
        if mean < ROOM or mean < 2.0 * errors:
            return f"no: all data are {mean:.1f} ahead (standard error {errors:.1f})"
        return "yes"


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
            found.append(
                Qualification(
                    regime,
                    _in_common(of_grid, regime),
                    _worth_of_data(of_grid, regime),
                    len(grid.orders),
                )
            )
    return found


def regimes_table(found: Sequence[Qualification]) -> str:
    """Markdown: what each regime leaves room for, and whether it qualifies."""
    rows = []
    for each in found:
        shown = [_one(each.data)]
        for method in JUDGED_BY:
            mean = fmean(each.values[method]) if each.orders else None
            shown.append(_one(mean))
        rows.append(
            (
                each.regime,
                *shown,
                str(each.orders),
                each.verdict,
            )
        )
    titles = ("regime", "data", *JUDGED_BY, "orders", "qualifies")
    return Table(titles, tuple(rows)).markdown()


def room_by_place(found: Sequence[Qualification]) -> dict[str, str]:
    """Of each suite and quality `yes` or `no`: whether its regime qualifies, of several
    the first; none of those that are not known yet."""
    room: dict[str, str] = {}
    for each in found:
        if each.verdict != UNKNOWN:
            short, _, _ = each.verdict.partition(":")
            room.setdefault(place_of(each.regime), short)
    return room


def place_of(regime: str) -> str:
    """Suite, quality and what varies, without the grid."""
    _, _, place = regime.partition(": ")
    return place


def _one(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.1f}"


def _in_common(results: Results, regime: str) -> dict[str, list[float]]:
    """PER of the methods by which a regime qualifies, on the orders that all of them
    have."""
    values = {}
    for method in JUDGED_BY:
        values[method] = values_of(results, regime, method, "per")
    orders = set.intersection(*(set(of_orders) for of_orders in values.values()))
    found = {}
    for method, of_orders in values.items():
        found[method] = [of_orders[order] for order in sorted(orders)]
    return found


def _worth_of_data(
    results: Results,
    regime: str,
) -> float | None:
    """PER of the data's own episodes; None where no result has it."""
    for result in results:
        if name_of(result) == regime and result.data is not None:
            return result.data
    return None
