"""The report of a study: claims tested over task orders, in every regime at once.

A regime is a suite, a quality and a grid's parameters; its unit is a task order with a
seed of its own (`orders` of a grid). Every grid with this report belongs to one study:
claims are corrected for one another over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, prod
from pathlib import Path
from statistics import fmean

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.metrics.hypotheses import (
    LEVEL,
    detectable,
    holm,
    paired_p_value,
    standard_error,
)
from oer_pipeline.metrics.intervals import (
    FEWEST,
    Estimate,
    interval,
    paired_difference,
)
from oer_pipeline.reports import methods_chart
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.claims_chart import Judged, chart
from oer_pipeline.reports.table import Row, Table
from oer_pipeline.reports.tables import number
from oer_pipeline.studies.cells import Cells
from oer_pipeline.studies.grids import (
    ALL,
    CLAIMED,
    ORDER,
    Claim,
    Grid,
    Scalar,
    names,
    read,
)
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.kept_files import changing, rewrite_page
from oer_pipeline.studies.results import (
    RESULTS,
    Result,
    Results,
    kept,
    mean_told,
    planned,
    results_of,
)

REPORT = "study"
CLAIMS_PICTURE = "pictures/study_claims.png"
METHODS_PICTURE = "pictures/study_methods.png"
"""Beside the study's page."""
CEILING, FLOOR, ALONE, UNIFORM = "er_everything", "finetune", "single_task", "er_random"
JUDGED_BY = (ALONE, FLOOR, CEILING, UNIFORM)
"""Methods by which a regime qualifies."""
ENOUGH = 80.0
"""That networks of their own reach in a regime that qualifies, unless the data's own
episodes are worth less: then those."""
WORTHLESS = 0.0
"""The most that PER and plasticity can be where training diverged, which left no
policy: no task is solved, or what random actions earn."""
ROOM = 5.0
"""By which replay of all old data is ahead of a uniform buffer there."""


def report(
    cells: Cells,
    outcomes: Mapping[str, Outcome],
) -> str:
    """Regimes, methods and claims of the whole study, as far as its results are kept,
    on the grid's page, too; of these cells alone where the page is not theirs."""
    grids = study_grids(cells.env)
    if cells.page is None:
        own = list(results_of(cells, outcomes, planned(cells)))
        return _told(blocks_of(own, grids, judgements(own, grids)), [])
    with changing(RESULTS):
        of_study = {grid.name for grid in grids}
        found = [result for result in kept(RESULTS) if result.grid in of_study]
        tests = judgements(found, grids)
        blocks = blocks_of(found, grids, tests)
        pictures = {METHODS_PICTURE: methods_picture(found)}
        blocks["methods"] = f"![methods]({METHODS_PICTURE})\n\n{blocks['methods']}"
        if tests:
            pictures[CLAIMS_PICTURE] = claims_picture(tests)
            blocks["claims"] = f"![claims]({CLAIMS_PICTURE})\n\n{blocks['claims']}"
        for name, content in pictures.items():
            write_atomic(cells.page.parent / name, content)
        rewrite_page(cells.page, blocks)
    return _told(blocks, [("docs", cells.page)])


def blocks_of(
    results: Results,
    grids: Sequence[Grid],
    tests: Sequence[Judgement],
) -> dict[str, str]:
    """The page's blocks without its picture.

    Args:
        results: of the grids.
        grids: of the study.
        tests: `judgements` of both.
    """
    return {
        "regimes": regimes_table(results, grids),
        "methods": methods_table(results),
        "claims": claims_table(tests, primary_claims(grids)),
    }


def _told(blocks: Mapping[str, str], lines: Sequence[Line]) -> str:
    text = "\n\n".join(blocks.values())
    return f"{text}\n{summary('Study', lines)}"


def study_grids(env: str | None) -> list[Grid]:
    """Every grid of the study, whole.

    Raises:
        ConfigurationError: a wrong file, whichever it is: it may be one of the study's,
            whose claims count.
    """
    conf = Path("conf")
    found = []
    for name in names(conf, env):
        grid = read(name, conf, env)
        if grid.report == REPORT:
            found.append(grid)
    return found


def check(cells: Cells) -> None:
    """Refuse a study that could not be judged as its files say.

    Raises:
        ConfigurationError: as `study_grids`; two orders that come out the same, which
            would be one unit counted twice.
    """
    study_grids(cells.env)
    if not cells.are_as_told:
        return  # a trial; of fewer tasks there may be fewer orders
    taken: dict[tuple[str, str], Scalar] = {}
    for cell in cells.cells:
        order = cell.combination.parameters[ORDER]
        suite = cell.plan.suite_folder
        tasks = ", ".join(cell.plan.data_of(task) for task in cell.plan.tasks)
        first = taken.setdefault((suite, tasks), order)
        if first != order:
            raise ConfigurationError(
                f"grid {cells.grid.name}: orders {first} and {order} of {suite} are the"
                f" same one, {tasks}; take others"
            )


def regimes_table(results: Results, grids: Sequence[Grid]) -> str:
    """Markdown: what a regime leaves room for, and whether it qualifies.

    Means are over the orders that all four methods have.

    Args:
        results: of the grids.
        grids: of the study; a regime whose grid lacks one of the methods is no row.
    """
    rows = []
    for grid in grids:
        if grid.methods != ALL and not set(JUDGED_BY) <= set(grid.methods):
            continue
        of_grid = [result for result in results if result.grid == grid.name]
        for regime in _regimes(of_grid):
            data = _worth_of_data(of_grid, regime)
            values = _in_common(of_grid, regime)
            shown = [_one(data)]
            for method in JUDGED_BY:
                shown.append(_one(fmean(values[method]) if values[method] else None))
            orders = str(len(values[ALONE]))
            rows.append((regime, *shown, orders, _qualifies(values, data)))
    titles = ("regime", "data", *JUDGED_BY, "orders", "qualifies")
    return Table(titles, tuple(rows)).markdown()


def _one(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.1f}"


def _in_common(results: Results, regime: str) -> dict[str, list[float]]:
    """PER of the methods by which a regime qualifies, on the orders that all of them
    have."""
    values = {}
    for method in JUDGED_BY:
        values[method] = _values(results, regime, method, "per")
    orders = set.intersection(*(set(of_orders) for of_orders in values.values()))
    found = {}
    for method, of_orders in values.items():
        found[method] = [of_orders[order] for order in sorted(orders)]
    return found


def _qualifies(
    values: Mapping[str, Sequence[float]],
    data: float | None,
) -> str:
    """`yes`, or the first reason why it does not or cannot be told.

    Args:
        values: PER of `JUDGED_BY`, paired.
        data: what the data's own episodes are worth; None: not known.
    """
    if len(values[ALONE]) < FEWEST:
        return "too few orders of all four yet"
    alone = fmean(values[ALONE])
    enough = ENOUGH if data is None else min(ENOUGH, data)
    if alone < enough:
        return f"no: {ALONE} is below {enough:.0f}"
    if fmean(values[FLOOR]) > alone / 2.0:
        return f"no: {FLOOR} keeps over half"
    ahead = []
    for ceiling, uniform in zip(values[CEILING], values[UNIFORM], strict=True):
        ahead.append(ceiling - uniform)
    mean = fmean(ahead)
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
        if _named(result) == regime and result.data is not None:
            return result.data
    return None


def methods_table(results: Results) -> str:
    """Markdown: every metric of every method, best PER of a regime first."""
    rows = []
    for regime in _regimes(results):
        for method in _ranked(results, regime):
            rows.append(_method_row(results, regime, method))
    titles = ("regime", "method", "PER", "plasticity", "forgetting", "orders")
    return Table(titles, tuple(rows), words=2).markdown()


def methods_picture(results: Results) -> bytes:
    """PNG: PER and plasticity of every method, in every regime.

    Args:
        results: of the grids, at least one.
    """
    measured = []
    for regime in _regimes(results):
        for method in _ranked(results, regime):
            per = _values(results, regime, method, "per")
            plasticity = _values(results, regime, method, "plasticity")
            measured.append(
                methods_chart.Measured(
                    regime, method, _estimate(per), _estimate(plasticity)
                )
            )
    return png(methods_chart.chart(measured))


def _estimate(by_order: Mapping[int, float]) -> Estimate | None:
    return interval(list(by_order.values())) if by_order else None


def _ranked(
    results: Results,
    regime: str,
) -> list[str]:
    """The methods of a regime, best PER first."""
    means = {}
    for result in results:
        if _named(result) == regime:
            values = _values(results, regime, result.method, "per").values()
            means[result.method] = fmean(values) if values else -inf
    return sorted(means, key=lambda method: (-means[method], method))


def _method_row(
    results: Results,
    regime: str,
    method: str,
) -> Row:
    of_method = _of(results, regime, method)
    shown = []
    for metric in CLAIMED:
        values = list(_values(results, regime, method, metric).values())
        told = mean_told(values, metric, of_method[0].scale) if values else "-"
        shown.append(told)
    orders = _counted(len(_orders(of_method)), len(_diverged(of_method)))
    return (regime, method, *shown, orders)


def _counted(orders: int, diverged: int) -> str:
    """`8`, or `8, 1 diverged`."""
    return f"{orders}, {diverged} diverged" if diverged else str(orders)


@dataclass(frozen=True)
class Judgement:
    """A claim in one regime.

    Attributes:
        claim, regime: which.
        differences: by which the claim's method is ahead, one per order.
        p_value: of the claim alone.
        corrected: the p-value corrected for all claims of the study that are not
            secondary (Holm), in which those that are not finished count with 1; None
            for a secondary one.
        is_finished: whether both methods were run on all orders of the grid's file.
        orders: on how many both methods were run.
        diverged: on how many of these one of them diverged.
    """

    claim: Claim
    regime: str
    differences: tuple[float, ...]
    p_value: float
    corrected: float | None = None
    is_finished: bool = True
    orders: int = 0
    diverged: int = 0

    @property
    def verdict(self) -> str:
        """What the corrected test says of the claim that differences are above 0."""
        if self.corrected is None:
            return "secondary"
        if not self.is_finished:
            return "not finished"
        if self.corrected >= LEVEL:
            return "undecided"
        return "supported" if fmean(self.differences) > 0.0 else "refuted"


def judgements(
    results: Results,
    grids: Sequence[Grid],
) -> list[Judgement]:
    """Every claim in every regime that has orders enough, corrected for one another;
    secondary ones last.

    Args:
        results: of the whole study.
        grids: each brings its claims and its regimes.
    """
    primary: list[Judgement] = []
    secondary: list[Judgement] = []
    for grid in grids:
        of_grid = [result for result in results if result.grid == grid.name]
        for regime in _regimes(of_grid):
            for claim in grid.claims:
                judged = _judged(of_grid, regime, claim, grid)
                if judged is not None:
                    kind = secondary if claim.secondary else primary
                    kind.append(judged)
    together = max(len(primary), primary_claims(grids))
    p_values = {str(place): 1.0 for place in range(together)}
    for place, test in enumerate(primary):
        if test.is_finished:
            p_values[str(place)] = test.p_value
    adjusted = holm(p_values)
    corrected = []
    for place, test in enumerate(primary):
        corrected.append(replace(test, corrected=adjusted[str(place)]))
    return [*corrected, *secondary]


def _judged(
    results: Results,
    regime: str,
    claim: Claim,
    grid: Grid,
) -> Judgement | None:
    """A claim in a regime, not corrected; None where its orders are too few."""
    differences = _differences(results, regime, claim)
    p_value = paired_p_value(differences)
    if p_value is None:
        return None
    ahead = _of(results, regime, claim.of)
    beside = _of(results, regime, claim.beside)
    both = _orders(ahead) & _orders(beside)
    diverged = _diverged(ahead) | _diverged(beside)
    return Judgement(
        claim,
        regime,
        tuple(differences),
        p_value,
        is_finished=both >= set(grid.orders),
        orders=len(both),
        diverged=len(both & diverged),
    )


def primary_claims(grids: Sequence[Grid]) -> int:
    """How many claims are tested together, in all regimes of all grids, run or not."""
    count = 0
    for grid in grids:
        primary = sum(not claim.secondary for claim in grid.claims)
        varied = [len(v) for name, v in grid.parameters.items() if name != ORDER]
        regimes = len(grid.suites) * len(grid.qualities) * prod(varied)
        count += primary * regimes
    return count


def claims_table(tests: Sequence[Judgement], primary: int) -> str:
    """Markdown: every claim in every regime, the p-value of each alone and corrected,
    what it comes to, and which difference could have been seen.

    Args:
        tests: those that have results.
        primary: how many claims are tested together (`primary_claims`).
    """
    rows = []
    for test in tests:
        more, less = _sides(test.claim)
        seen = detectable(test.differences, 1 if test.corrected is None else primary)
        rows.append(
            (
                test.claim.says,
                test.regime,
                f"{test.claim.metric}, {more} - {less}",
                _counted(test.orders, test.diverged),
                number(interval(test.differences), 1),
                f"{test.p_value:.4f}",
                "-" if test.corrected is None else f"{test.corrected:.4f}",
                test.verdict,
                f"{seen:.1f}",
            )
        )
    titles = (
        "claim",
        "regime",
        "difference",
        "orders",
        "mean",
        "p",
        "p, Holm",
        "verdict",
        "seen",
    )
    return Table(titles, tuple(rows), words=3).markdown()


def claims_picture(tests: Sequence[Judgement]) -> bytes:
    """PNG: the same as intervals beside zero.

    Args:
        tests: at least one.
    """
    judged = []
    for test in tests:
        judged.append(
            Judged(test.claim.says, test.regime, test.differences, test.verdict)
        )
    return png(chart(judged))


def _sides(claim: Claim) -> tuple[str, str]:
    """The methods that have more and less of the metric, if the claim holds: who is
    ahead forgets less."""
    if claim.metric == "forgetting":
        return claim.beside, claim.of
    return claim.of, claim.beside


def _regimes(results: Results) -> list[str]:
    return sorted({_named(result) for result in results})


def _named(result: Result) -> str:
    """A regime's name; grids of one suite differ in parameters that it does not say."""
    return f"{result.grid.removeprefix('study_')}: {result.regime}"


def _of(results: Results, regime: str, method: str) -> list[Result]:
    """A method's results in a regime, one per order that it was run on, to the end or
    until it diverged."""
    found = []
    for result in results:
        if result.method == method and _named(result) == regime:
            found.append(result)
    return found


def _orders(of_method: Results) -> set[int]:
    """The orders that a method was run on."""
    return {result.seed for result in of_method}


def _diverged(of_method: Results) -> set[int]:
    """Those on which its training diverged."""
    return {result.seed for result in of_method if result.per is None}


def _values(
    results: Results,
    regime: str,
    method: str,
    metric: str,
) -> dict[int, float]:
    """A metric by task order.

    Where training diverged, PER and plasticity are the least that any method came to on
    that order, or 0 if that is less; of forgetting and raw returns nothing is said, nor
    of what the method does not have where it did not diverge.
    """
    found = {}
    worst = _worst(results, regime, metric)
    of_method = _of(results, regime, method)
    for result in of_method:
        value = getattr(result, metric)
        if result.per is None and _has_floor(of_method, metric):
            value = min(WORTHLESS, worst.get(result.seed, WORTHLESS))
        if value is not None:
            found[result.seed] = value
    return found


def _has_floor(of_method: Results, metric: str) -> bool:
    """Whether it is known what the metric is worth where training diverged."""
    if metric == "forgetting" or of_method[0].scale == "raw":
        return False
    finished = [result for result in of_method if result.per is not None]
    if not finished:
        return True
    return any(getattr(result, metric) is not None for result in finished)


def _worst(results: Results, regime: str, metric: str) -> dict[int, float]:
    """The least that any method came to, by task order."""
    found: dict[int, float] = {}
    for result in results:
        value = getattr(result, metric)
        if result.per is None or value is None or _named(result) != regime:
            continue
        found[result.seed] = min(value, found.get(result.seed, value))
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
