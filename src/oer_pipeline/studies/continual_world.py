"""The reports of Continual World: docs/continual_world.md, a block per grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.metrics.intervals import interval
from oer_pipeline.reports.learners import learners_table
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.reports.tables import number
from oer_pipeline.studies import places
from oer_pipeline.studies.cells import Cell, Cells
from oer_pipeline.studies.comparison import pages
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.kept_files import rewrite_page


def report(
    cells: Cells,
    outcomes: Mapping[str, Outcome],
) -> str:
    """The data's table, the methods' table, and success task by task; on the grid's
    page they are the block of its name."""
    del outcomes
    documents = []
    for cell in cells.cells:
        documents.append(_metrics(cell, cells.root))
    parts = [
        _data(cells),
        learners_table(documents, documents[0]["cell"]),
        _by_task(documents),
    ]
    text = "\n\n".join(part.strip() for part in parts)
    if cells.page is not None:
        rewrite_page(cells.page, {cells.grid.name: text})
    lines: list[Line] = [*pages(cells)]
    for cell in cells.cells:
        folder = places.cell_folder(cells.root, places.REPORTS, cell.plan)
        lines.append((cell.plan.method, folder / "report.html"))
    if cells.page is not None:
        lines.append(("docs", cells.page))
    return f"{text}\n{summary('Continual World', lines)}"


def _metrics(cell: Cell, root: Path) -> dict[str, Any]:
    """A finished cell's metrics, under its method's name: all else is common to the
    grid."""
    metrics = places.metrics(root, cell.plan)
    return {**metrics, "cell": cell.plan.method}


def _data(cells: Cells) -> str:
    """A row per task: what its data and the references are worth."""
    plan = cells.cells[0].plan
    rows = []
    for task in plan.tasks:
        shared = plan.data_of(task)
        card = places.card(cells.root, plan, shared)
        references = places.references(cells.root, plan, shared)
        row = [
            str(task.index),
            str(task.parameters["env_name"]),
            f"{card['transitions']:,}",
            f"{card['returns']['mean']:.0f}",
            _percent(card["success_rate"]),
            _percent(references["random"]["success"]),
            _percent(references["zero"]["success"]),
        ]
        rows.append(row)
    titles = [
        "task",
        "environment",
        "transitions",
        "return",
        "success, %",
        "random, %",
        "doing nothing, %",
    ]
    return f"The data ({plan.quality}):\n\n{markdown(titles, rows)}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f}"


def _by_task(documents: list[dict[str, Any]]) -> str:
    """Success on every task after the last one, mean over seeds, and over all tasks
    with its interval."""
    rows = []
    for document in documents:
        ends = _at_the_end(document)
        by_task = zip(*ends, strict=True)
        each = [f"{interval(of_task).mean:.0f}" for of_task in by_task]
        means = [sum(of_seed) / len(of_seed) for of_seed in ends]
        overall = number(interval(means), 0)
        rows.append([document["cell"], *each, overall])
    tasks = len(documents[-1]["tasks"])
    numbers = [str(task) for task in range(1, tasks + 1)]
    table = markdown(["at the end, %", *numbers, "all"], rows)
    return f"Success on each task after the last one:\n\n{table}"


def _at_the_end(document: dict[str, Any]) -> list[list[float]]:
    """Success after the last task, per seed and task."""
    ends = []
    for matrix in document["success"]["matrix"].values():
        ends.append(list(matrix[-1]))
    return ends
