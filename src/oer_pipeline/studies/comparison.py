"""The report of a comparison: the tables that `kedro run --pipelines=comparison` has
made, and where the pages are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.orchestration.configuration import plans_of
from oer_pipeline.reports.comparison_tables import cost_table
from oer_pipeline.studies.cells import Cell, Cells, compared_params, groups
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.places import REPORTS, cell_folder, metrics, spent

LOOK: list[Line] = [
    ("runs", "make ui (MLflow: cells side by side, with curves)"),
    ("lineage", "make viz"),
    ("notebook", "notebooks/explore.ipynb (data and buffers)"),
]
"""What there is beside the pages."""


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The verdict and table of every group of cells that can be compared, what each
    took, then what to look at."""
    del outcomes
    parts = []
    for compared in groups(cells):
        folder = comparison_folder(cells, compared)
        table = folder / "table.txt"
        parts.append(table.read_text(encoding="utf-8"))
        parts.append(_cost(cells.root, compared))
        first = compared[0].plan
        title = f"{first.suite_folder}, {first.quality_folder}"
        lines = _lines(cells.root, folder, compared)
        parts.append(summary(title, lines))
    parts.append(summary("To look further", LOOK))
    return "\n".join(parts)


def _cost(root: Path, compared: Sequence[Cell]) -> str:
    """What each method took, seconds included, which no page has: equal runs give equal
    pages."""
    documents = []
    times = {}
    for cell in compared:
        method = cell.plan.method
        document = metrics(root, cell.plan)
        documents.append({**document, "cell": method})
        times[method] = spent(root, cell.plan)
    table = cost_table(documents, times)
    return table.text()


def comparison_folder(cells: Cells, compared: Sequence[Cell]) -> Path:
    """Where the page of cells lies that are compared."""
    [plan] = plans_of([compared_params(compared)], cells.env)
    quality = cell_folder(cells.root, REPORTS, plan).parent
    return quality / plan.comparison_folder


def pages(cells: Cells) -> list[Line]:
    """The page of each suite and quality, where there is one, for other reports of the
    same cells."""
    lines: list[Line] = []
    if not cells.grid.kind.has_comparison_pages:
        return lines
    for compared in groups(cells):
        lines.append(("page", comparison_folder(cells, compared) / "comparison.html"))
    return lines


def _lines(root: Path, folder: Path, compared: Sequence[Cell]) -> list[Line]:
    lines: list[Line] = [
        ("page", folder / "comparison.html"),
        ("text", folder / "report.md"),
        ("episodes", folder / "episodes.parquet"),
    ]
    for cell in compared:
        page = cell_folder(root, REPORTS, cell.plan) / "report.html"
        lines.append((cell.plan.method, page))
    return lines
