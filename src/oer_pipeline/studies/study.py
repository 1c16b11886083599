"""The report of a study: claims tested over task orders, in every regime at once.

A regime is a suite, a quality and a grid's parameters; its unit is a task order with a
seed of its own (`orders` of a grid). Every grid with this report belongs to one study:
claims are corrected for one another over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oer_pipeline.common.terminal import summary
from oer_pipeline.metrics.hypotheses import (
    LEVEL,
    detectable,
    holm,
    paired_p_value,
    standard_error,
)
from oer_pipeline.metrics.intervals import interval, paired_difference
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.reports.table import Row, Table
from oer_pipeline.reports.tables import number
from oer_pipeline.studies.cells import Cells
from oer_pipeline.studies.grids import CLAIMED, Claim, Grid, names, read
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.results import RESULTS, Results, kept, merged, results_of

REPORT = "study"
CEILING, FLOOR, ALONE, UNIFORM = "er_everything", "finetune", "single_task", "er_random"
"""Methods by which a regime qualifies."""
ENOUGH = 80.0
"""That networks of their own reach in a regime that qualifies, unless the data's own
episodes are worth less: then those."""
ROOM = 5.0
"""By which replay of all old data is ahead of a uniform buffer there."""


def report(
    cells: Cells,
    outcomes: Mapping[str, Outcome],
) -> str:
    """Regimes, methods and claims of the whole study, as far as it has run; on the
    grid's page too, where the whole grid ran as its file says."""
    del outcomes
    found: Results = list(results_of(cells))
    grids = [cells.grid]
    if cells.page is not None:
        grids = study_grids(cells.env)
        of_study = {grid.name for grid in grids}
        before = [result for result in kept(RESULTS) if result.grid in of_study]
        found = merged(before, found)
    blocks = {
        "regimes": regimes_table(found),
        "methods": methods_table(found),
        "claims": claims_table(found, grids),
    }
    lines = []
    if cells.page is not None:
        rewrite(cells.page, blocks)
        lines = [("docs", cells.page)]
    return "\n\n".join(blocks.values()) + f"\n{summary('Study', lines)}"


def study_grids(env: str | None) -> list[Grid]:
    """Every grid of the study."""
    grids = [read(name, Path("conf"), env) for name in names(Path("conf"), env)]
    return [grid for grid in grids if grid.report == REPORT]


def regimes_table(results: Results) -> str:
    """Markdown: what a regime leaves room for, and whether it qualifies."""
    rows = []
    for regime in _regimes(results):
        shown = []
        means = [_worth_of_data(results, regime)]
        for method in (ALONE, FLOOR, CEILING, UNIFORM):
            means.append(_mean_per(results, regime, method))
        for mean in means:
            shown.append("-" if mean is None else f"{mean:.1f}")
        rows.append((regime, *shown, _qualifies(results, regime)))
    titles = ("regime", "data", ALONE, FLOOR, CEILING, UNIFORM, "qualifies")
    return Table(titles, tuple(rows)).markdown()


def _qualifies(
    results: Results,
    regime: str,
) -> str:
    """`yes`, or the first reason why it does not."""
    means = {}
    for method in (ALONE, FLOOR, CEILING, UNIFORM):
        own = _mean_per(results, regime, method)
        if own is None:
            return f"no {method} yet"
        means[method] = own
    data = _worth_of_data(results, regime)
    enough = ENOUGH if data is None else min(ENOUGH, data)
    if means[ALONE] < enough:
        return f"no: {ALONE} is below {enough:.0f}"
    if means[FLOOR] > means[ALONE] / 2.0:
        return f"no: {FLOOR} keeps over half"
    ahead = _differences(results, regime, Claim("", "per", CEILING, UNIFORM))
    mean = sum(ahead) / len(ahead)
    errors = standard_error(ahead)
    if mean < ROOM or mean < 2.0 * errors:
        return f"no: all data are {mean:.1f} ahead (standard error {errors:.1f})"
    return "yes"


def _worth_of_data(
    results: Results,
    regime: str,
) -> float | None:
    """PER of the data's own episodes; None where no result has it."""
    for result in results:
        if result.regime == regime and result.data is not None:
            return result.data
    return None


def _mean_per(
    results: Results,
    regime: str,
    method: str,
) -> float | None:
    """Over the orders that there are; None without any."""
    values = _values(results, regime, method, "per").values()
    return sum(values) / len(values) if values else None


def methods_table(results: Results) -> str:
    """Markdown: every metric of every method, best PER of a regime first."""
    rows = []
    for regime in _regimes(results):
        for method in _ranked(results, regime):
            rows.append(_method_row(results, regime, method))
    titles = ("regime", "method", "PER", "plasticity", "forgetting", "orders")
    return Table(titles, tuple(rows), words=2).markdown()


def _ranked(
    results: Results,
    regime: str,
) -> list[str]:
    """The methods of a regime, best PER first."""
    means = {}
    for result in results:
        if result.regime == regime:
            values = _values(results, regime, result.method, "per").values()
            means[result.method] = sum(values) / len(values)
    return sorted(means, key=lambda method: (-means[method], method))


def _method_row(
    results: Results,
    regime: str,
    method: str,
) -> Row:
    shown = []
    for metric in CLAIMED:
        values = list(_values(results, regime, method, metric).values())
        shown.append(number(interval(values), 1) if values else "-")
    orders = len(_values(results, regime, method, "per"))
    return (regime, method, *shown, str(orders))


@dataclass(frozen=True)
class Tested:
    """A claim in one regime.

    Attributes:
        claim, regime: which.
        differences: by which the claim's method is ahead, one per order.
        p_value: of the claim alone.
    """

    claim: Claim
    regime: str
    differences: tuple[float, ...]
    p_value: float


def tested(
    results: Results,
    grids: Sequence[Grid],
) -> list[Tested]:
    """Every claim in every regime that has orders enough.

    Args:
        results: of the whole study.
        grids: each brings its claims and its regimes.
    """
    found = []
    for grid in grids:
        of_grid = [result for result in results if result.grid == grid.name]
        for regime in _regimes(of_grid):
            for claim in grid.claims:
                differences = _differences(of_grid, regime, claim)
                p_value = paired_p_value(differences)
                if p_value is not None:
                    test = Tested(claim, regime, tuple(differences), p_value)
                    found.append(test)
    return found


def claims_table(
    results: Results,
    grids: Sequence[Grid],
) -> str:
    """Markdown: every claim in every regime, the p-value of each alone and corrected
    for all that are not secondary (Holm), what it comes to, and which difference could
    have been seen.

    Args:
        results: of the whole study.
        grids: each brings its claims and its regimes.
    """
    tests = tested(results, grids)
    primary = [test for test in tests if not test.claim.secondary]
    p_values = {str(place): test.p_value for place, test in enumerate(primary)}
    corrected = list(holm(p_values).values())
    rows = []
    for test, p_value in zip(primary, corrected, strict=True):
        mean = interval(test.differences).mean
        words = verdict(mean, p_value)
        rows.append(_claim_row(test, f"{p_value:.4f}", words, len(primary)))
    for test in tests:
        if test.claim.secondary:
            rows.append(_claim_row(test, "-", "secondary", 1))
    titles = (
        "claim",
        "regime",
        "difference",
        "mean",
        "p",
        "p, Holm",
        "verdict",
        "seen",
    )
    return Table(titles, tuple(rows), words=3).markdown()


def _claim_row(
    test: Tested,
    corrected: str,
    words: str,
    claims: int,
) -> Row:
    more, less = _sides(test.claim)
    seen = detectable(test.differences, claims)
    return (
        test.claim.says,
        test.regime,
        f"{test.claim.metric}, {more} - {less}",
        number(interval(test.differences), 1),
        f"{test.p_value:.4f}",
        corrected,
        words,
        f"{seen:.1f}",
    )


def verdict(
    difference: float,
    p_value: float,
) -> str:
    """What a corrected test says of a claim that a difference is above 0."""
    if p_value >= LEVEL:
        return "undecided"
    return "supported" if difference > 0.0 else "refuted"


def _sides(claim: Claim) -> tuple[str, str]:
    """The methods that have more and less of the metric, if the claim holds: who is
    ahead forgets less."""
    if claim.metric == "forgetting":
        return claim.beside, claim.of
    return claim.of, claim.beside


def _regimes(results: Results) -> list[str]:
    return sorted({result.regime for result in results})


def _values(
    results: Results,
    regime: str,
    method: str,
    metric: str,
) -> dict[int, float]:
    """A metric by task order."""
    found = {}
    for result in results:
        value = getattr(result, metric)
        if (result.regime, result.method) == (regime, method) and value is not None:
            found[result.seed] = value
    return found


def _differences(
    results: Results,
    regime: str,
    claim: Claim,
) -> list[float]:
    """By which the claim's first method is ahead, one per order that both have."""
    more, less = _sides(claim)
    estimate = paired_difference(
        _values(results, regime, more, claim.metric),
        _values(results, regime, less, claim.metric),
    )
    return [] if estimate is None else list(estimate.values)
