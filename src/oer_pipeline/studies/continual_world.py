"""The reports of Continual World: docs/continual_world.md, a block per grid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.reports.learners import learners_table
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.reports.tables import number
from oer_pipeline.studies.cells import Cell, Cells
from oer_pipeline.studies.jobs import Outcome


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The data's table, the methods' table, and success task by task; on the grid's
    page they are the block of its name."""
    del outcomes
    documents = [_metrics(cell, cells.root) for cell in cells.cells]
    parts = [
        _data(cells),
        learners_table(documents, documents[0]["cell"]),
        _by_task(documents),
    ]
    text = "\n\n".join(part.strip() for part in parts)
    if cells.page is not None:
        rewrite(cells.page, {cells.grid.name: text})
    return text


def _metrics(cell: Cell, root: Path) -> dict[str, Any]:
    """A finished cell's metrics, under its method's name: all else is common to the
    grid."""
    plan = cell.plan
    folder = root / "08_reporting" / plan.suite_folder / plan.quality_folder / plan.cell
    document: dict[str, Any] = json.loads(
        (folder / "metrics.json").read_text(encoding="utf-8")
    )
    return {**document, "cell": plan.method}


def _data(cells: Cells) -> str:
    """A row per task: what its data and the references are worth."""
    plan = cells.cells[0].plan
    rows = []
    for task in plan.tasks:
        shared = plan.data_of(task)
        data = (
            cells.root
            / "03_primary"
            / plan.suite_folder
            / plan.quality
            / f"{shared}_card.json"
        )
        card = json.loads(data.read_text(encoding="utf-8"))
        raw = cells.root / "01_raw" / plan.suite_folder / shared / "references.json"
        references = json.loads(raw.read_text(encoding="utf-8"))
        row = [str(task.index), str(task.parameters["env_name"])]
        row += [f"{card['transitions']:,}", f"{card['returns']['mean']:.0f}"]
        row.append(_percent(card["success_rate"]))
        row += [_percent(references[kind]["success"]) for kind in ("random", "zero")]
        rows.append(row)
    titles = ["task", "environment", "transitions", "return", "success, %"]
    titles += ["random, %", "doing nothing, %"]
    return f"The data ({plan.quality}):\n\n{markdown(titles, rows)}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f}"


def _by_task(documents: list[dict[str, Any]]) -> str:
    """Success on every task after the last one, mean over seeds, and when learned."""
    rows = []
    tasks = range(0)
    for document in documents:
        seeds = document["success"]["matrix"].values()
        tasks = range(len(document["tasks"]))
        ends = [interval([matrix[-1][task] for matrix in seeds]) for task in tasks]
        each = [f"{end.mean:.0f}" for end in ends]
        rows.append([document["cell"], *each, number(_overall(ends), 0)])
    titles = ["at the end, %", *(str(task + 1) for task in tasks), "all"]
    return f"Success on each task after the last one:\n\n{markdown(titles, rows)}"


def _overall(ends: list[Estimate]) -> Estimate:
    """Over tasks, per seed."""
    seeds = zip(*(end.values for end in ends), strict=True)
    return interval([sum(values) / len(values) for values in seeds])
