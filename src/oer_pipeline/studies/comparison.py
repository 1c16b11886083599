"""The report of a comparison: the tables that `kedro run --pipelines=comparison` has
made, and where the pages are."""

from __future__ import annotations

from collections.abc import Mapping

from oer_pipeline.orchestration.configuration import plans_of
from oer_pipeline.studies.cells import Cells, compared_params, groups
from oer_pipeline.studies.jobs import Outcome


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The table of every group of cells that can be compared, then what to look at."""
    del outcomes
    parts = []
    for compared in groups(cells):
        [plan] = plans_of([compared_params(compared)], cells.env)
        folder = cells.root / "08_reporting" / plan.suite_folder / plan.quality_folder
        page = folder / plan.comparison_folder
        names = "|".join(cell.plan.cell for cell in compared)
        parts += [
            (page / "table.txt").read_text(encoding="utf-8"),
            (
                f"Pages with figures: {page}/comparison.html and"
                f" {folder}/({names})/report.html"
            ),
        ]
    parts.append(
        "Cells side by side, with curves: make ui (MLflow). The lineage: make viz. "
        "Data and buffers: notebooks/explore.ipynb"
    )
    return "\n".join(parts)
