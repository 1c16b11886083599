"""How a cell's buffers were chosen: which of their rows a walk led to."""

from __future__ import annotations

from oer_pipeline.reports.cell_metrics import Cell
from oer_pipeline.reports.page import Part
from oer_pipeline.reports.table import Table


def buffer_table(metrics: Cell) -> list[Part]:
    """A row per seed and a column per task: `walked / rows`, or rows alone where no
    walk chose any; a sentence where there are no buffers."""
    some_walked = has_walked(metrics)
    rows = []
    for seed, buffers in metrics["buffers"].items():
        counts = []
        for buffer in buffers:
            walked = f"{buffer['walked']} / " if some_walked else ""
            counts.append(f"{walked}{buffer['rows']}")
        if counts:
            rows.append((f"seed {seed}", *counts))
    if not rows:
        return ["This learner keeps no buffer."]
    text = "How many rows; no walk in the transition model led to any of them."
    if some_walked:
        text = (
            "Rows reached by a walk in the transition model, of all rows; the others"
            " were drawn uniformly."
        )
    return [text, Table(("", *metrics["tasks"]), tuple(rows))]


def has_walked(metrics: Cell) -> bool:
    """Whether a walk in a transition model led to some row of the cell's buffers."""
    for buffers in metrics["buffers"].values():
        if any(buffer["walked"] for buffer in buffers):
            return True
    return False
