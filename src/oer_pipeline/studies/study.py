"""The report of a study: claims tested over task orders, in every regime at once.

A regime is a suite, a quality and a grid's parameters; its unit is a task order with a
seed of its own (`orders` of a grid). Every grid with this report belongs to one study:
claims are corrected for one another over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.reports import methods_chart
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.table import Row, Table
from oer_pipeline.reports.tables import number
from oer_pipeline.studies.cells import Cells, cells_named
from oer_pipeline.studies.claims import (
    Judgement,
    claims_picture,
    claims_table,
    judgements,
)
from oer_pipeline.studies.grid_files import names, read
from oer_pipeline.studies.grids import CLAIMED, ORDER, Grid, Scalar
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.kept_files import changing, rewrite_page
from oer_pipeline.studies.qualification import qualifications, regimes_table
from oer_pipeline.studies.regimes import Regime, orders_text, regimes_of
from oer_pipeline.studies.results import RESULTS, Results, kept, planned, results_of

CLAIMS_PICTURE = "pictures/study_claims.png"
METHODS_PICTURE = "pictures/study_methods.png"
"""Beside the study's page."""


def report(
    cells: Cells,
    outcomes: Mapping[str, Outcome],
) -> str:
    """Regimes, methods and claims of the whole study, as far as its results are kept,
    on the grid's page, too; of these cells alone where the page is not theirs."""
    grids = study_grids(cells.env)
    if cells.page is None:
        own = list(results_of(cells, outcomes, planned(cells)))
        return _printed(blocks_of(own, grids, judgements(own, grids)), [])
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
    return _printed(blocks, [("docs", cells.page)])


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
        "regimes": regimes_table(qualifications(results, grids)),
        "methods": methods_table(results),
        "claims": claims_table(tests),
    }


def _printed(blocks: Mapping[str, str], lines: Sequence[Line]) -> str:
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
        if grid.kind.tests_claims:
            found.append(grid)
    return found


def check(cells: Cells) -> None:
    """Refuse a study that could not be judged as its files say.

    Raises:
        ConfigurationError: as `study_grids`; no orders, or two that come out the same,
            which would be one unit counted twice.
    """
    study_grids(cells.env)
    if not cells.grid.orders:
        raise ConfigurationError(
            f"grid {cells.grid.name}: orders are missing; a study's units are task"
            " orders, such as 0-7"
        )
    if not cells.are_as_told:
        return  # a trial; of fewer tasks there may be fewer orders
    whole = cells
    if cells.grid.is_part:
        whole = cells_named(cells.grid.name)
    taken: dict[tuple[str, str], Scalar] = {}
    for cell in whole.cells:
        order = cell.combination.parameters[ORDER]
        suite = cell.plan.suite_folder
        tasks = ", ".join(cell.plan.data_of(task) for task in cell.plan.tasks)
        first = taken.setdefault((suite, tasks), order)
        if first != order:
            raise ConfigurationError(
                f"grid {cells.grid.name}: orders {first} and {order} of {suite} are the"
                f" same one, {tasks}; take others"
            )


def methods_table(results: Results) -> str:
    """Markdown: every metric of every method, best PER of a regime first."""
    rows = []
    for regime in regimes_of(results):
        for method in regime.ranked():
            rows.append(_method_row(regime, method))
    titles = ("regime", "method", "PER", "plasticity", "forgetting", "orders")
    return Table(titles, tuple(rows), words=2).markdown()


def methods_picture(results: Results) -> bytes:
    """PNG: PER and plasticity of every method, in every regime.

    Args:
        results: of the grids, at least one.
    """
    measured = []
    for regime in regimes_of(results):
        for method in regime.ranked():
            measured.append(
                methods_chart.Measured(
                    regime.name,
                    method,
                    regime.estimate(method, "per"),
                    regime.estimate(method, "plasticity"),
                )
            )
    return png(methods_chart.chart(measured))


def _method_row(regime: Regime, method: str) -> Row:
    shown = []
    for metric in CLAIMED:
        estimate = regime.estimate(method, metric)
        shown.append("-" if estimate is None else number(estimate, 1))
    orders = orders_text(len(regime.orders(method)), len(regime.diverged(method)))
    return (regime.name, method, *shown, orders)
