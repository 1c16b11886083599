"""Nodes of the comparison pipeline."""

from __future__ import annotations

from typing import Any


def compare(*cells: dict[str, Any]) -> tuple[str, str, bytes, str]:
    """Table (Markdown, and in brief for terminals), picture and page; differences are
    from the first cell."""
    from oer_pipeline.reports import comparison
    from oer_pipeline.reports.page import page
    from oer_pipeline.reports.tables import comparison_table

    table, brief = (
        comparison_table(cells, cells[0]["cell"], brief=b) for b in (False, True)
    )
    title = (
        f"{', '.join(cell['cell'] for cell in cells)} on {cells[0]['suite']},"
        f" {cells[0]['quality']}"
    )
    sections = [
        ("Metrics", table.html(), None),
        ("Performance and forgetting", "", comparison.figure(cells)),
    ]
    return table.markdown(), brief.text(), comparison.png(cells), page(title, sections)
