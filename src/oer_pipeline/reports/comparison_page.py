"""The page of cells side by side."""

from __future__ import annotations

from collections.abc import Sequence

from oer_pipeline.reports.cell_metrics import Cell
from oer_pipeline.reports.chart import Chart
from oer_pipeline.reports.page import Section, page
from oer_pipeline.reports.table import Table


def comparison_page(cells: Sequence[Cell], table: Table, chart: Chart) -> str:
    """The cells' table, and the chart of `comparison_chart`."""
    names = ", ".join(cell["cell"] for cell in cells)
    sections = [
        Section("Metrics", [table]),
        Section("Performance and forgetting", [chart]),
    ]
    return page(f"{names} on {cells[0]['suite']}, {cells[0]['quality']}", sections)
