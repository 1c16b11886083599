"""Nodes of the comparison pipeline."""

from __future__ import annotations

from typing import Any


def compare(*cells: dict[str, Any]) -> tuple[str, str, bytes, str]:
    """Table (Markdown, and in brief for terminals), picture and page; differences are
    from the first cell."""
    from oer_pipeline.reports import comparison_chart
    from oer_pipeline.reports.chart_png import png
    from oer_pipeline.reports.comparison_page import comparison_page
    from oer_pipeline.reports.tables import comparison_table

    reference = cells[0]["cell"]
    table = comparison_table(cells, reference)
    brief = comparison_table(cells, reference, brief=True)
    chart = comparison_chart.chart(cells)
    page = comparison_page(cells, table, chart)
    return table.markdown(), brief.text(), png(chart), page
