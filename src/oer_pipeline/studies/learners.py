"""The report of every learner side by side: the tables of docs/learners.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.orchestration.configuration import tuned_of
from oer_pipeline.reports.learners import learners_table, tuning_table
from oer_pipeline.studies.cells import Cells
from oer_pipeline.studies.comparison import pages
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.kept_files import rewrite_page
from oer_pipeline.studies.places import metrics_in


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The page's tables; differences are from the grid's first method."""
    del outcomes
    plans = [cell.plan for cell in cells.cells]
    first = plans[0]
    folder = cells.root / "08_reporting" / first.suite_folder / first.quality_folder
    blocks = tables(folder, [plan.cell for plan in plans], tuned_of(cells.env))
    if cells.page is not None:
        rewrite_page(cells.page, blocks)
    text = "\n".join(blocks.values())
    lines: list[Line] = [*pages(cells), ("cells", folder)]
    if cells.page is not None:
        lines.append(("docs", cells.page))
    return f"{text}\n{summary('Learners side by side', lines)}"


def tables(
    folder: Path,
    cells: Sequence[str],
    tuned: Mapping[str, Any],
) -> dict[str, str]:
    """The page's blocks from the finished cells' `metrics.json` below the folder; the
    first cell is the reference."""
    documents = []
    for cell in cells:
        documents.append(metrics_in(folder / cell))
    table = learners_table(documents, cells[0])
    return {"table": table, "tuned": tuning_table(tuned)}
