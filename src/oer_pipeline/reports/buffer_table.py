"""How a cell's buffers were chosen: rows that a walk led to, and rows that were filled
uniformly."""

from __future__ import annotations

from oer_pipeline.reports.cell_metrics import Cell
from oer_pipeline.reports.page import Part
from oer_pipeline.reports.table import Table


def buffer_table(metrics: Cell) -> list[Part]:
    """A row per seed and a column per task: `walked / rows`; a sentence where there
    are no buffers."""
    rows = []
    for seed, buffers in metrics["buffers"].items():
        counts = [f"{buffer['walked']} / {buffer['rows']}" for buffer in buffers]
        if counts:
            rows.append((f"seed {seed}", *counts))
    if not rows:
        return ["This learner keeps no buffer."]
    text = (
        "Rows reached by a walk in the transition model, of all rows; the others were"
        " drawn uniformly."
    )
    return [text, Table(("", *metrics["tasks"]), tuple(rows))]
