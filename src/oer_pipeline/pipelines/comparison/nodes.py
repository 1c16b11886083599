"""Nodes of the comparison pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def compare(
    comparison: dict[str, Any], *cells: dict[str, Any]
) -> tuple[str, str, bytes]:
    """Table (Markdown, and in brief for terminals, below the verdict) and picture;
    differences are from the first cell."""
    from oer_pipeline.reports import comparison_chart
    from oer_pipeline.reports.cell_names import names_of, renamed
    from oer_pipeline.reports.chart_png import png
    from oer_pipeline.reports.tables import comparison_table
    from oer_pipeline.reports.verdict import verdict

    named = renamed(cells, names_of(cells, comparison["told"]))
    reference = named[0]["cell"]
    table = comparison_table(named, reference)
    brief = comparison_table(named, reference, brief=True)
    words = "\n".join(verdict(named))
    picture = png(comparison_chart.chart(named))
    return table.markdown(), f"{words}\n\n{brief.text()}", picture


def draw_comparison(
    comparison: dict[str, Any], **known: Any
) -> tuple[str, str, pd.DataFrame]:
    """The page, the same in Markdown, and every episode of all cells.

    Args:
        comparison: what the run was told (`Plan.derived`).
        known: `metrics__CELL`, `episodes__CELL`, `record__CELL` of each cell,
            `card__TASK` of each data set.
    """
    from oer_pipeline.metrics.all_episodes import episodes_of_cells
    from oer_pipeline.reports.comparison_page import Compared, comparison_page

    grouped: dict[str, dict[str, Any]] = {}
    for name, value in known.items():
        kind, _, of = name.partition("__")
        grouped.setdefault(kind, {})[of] = value
    cells = list(grouped["metrics"].values())
    libraries = {}
    for cell, record in grouped["record"].items():
        libraries[cell] = record.get("recipe", {}).get("libraries", {})
    compared = Compared(
        cells=cells,
        folder=comparison["folder"],
        told=comparison["told"],
        suite=comparison["suite"],
        quality=comparison["quality"],
        environment=comparison["environment"],
        cards=grouped["card"],
        data=comparison["data"],
        libraries=libraries,
    )
    page, markdown = comparison_page(compared)
    return page, markdown, episodes_of_cells(cells, grouped["episodes"])
