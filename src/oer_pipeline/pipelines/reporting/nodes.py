"""Nodes of the reporting pipeline; arguments such as `returns__task_1` come one per
task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def measure(
    cell: dict[str, str], policies_by_seed: dict[int, Any], **by_task: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cell's metrics document and its headline numbers.

    From `returns`, `references`, and where there are buffers `buffer` and `fidelity`.
    """
    from oer_pipeline.metrics.measure_cell import measure_cell
    from oer_pipeline.metrics.report import headlines

    _, header = policies_by_seed[min(policies_by_seed)]
    metrics = measure_cell(cell, header, _grouped(by_task))
    return metrics, headlines(metrics["aggregate"])


def gather(**by_task: Any) -> pd.DataFrame:
    """Every evaluation episode of the cell, from `returns`."""
    from oer_pipeline.metrics.all_episodes import episodes_of_cell

    return episodes_of_cell(_grouped(by_task)["returns"])


def draw(
    metrics: dict[str, Any],
    facts: dict[str, Any],
    repeat: dict[str, Any],
    **by_task: Any,
) -> tuple[str, str, list[dict[str, Any]], bytes, bytes, bytes]:
    """The cell's table, page, returns as rows to plot, and pictures; the projection
    shows the first seed."""
    from oer_pipeline.reports import heatmap, projection, returns
    from oer_pipeline.reports.cell_metrics import drawn_scales
    from oer_pipeline.reports.cell_page import cell_page, plot_rows, states_of
    from oer_pipeline.reports.chart_png import png
    from oer_pipeline.reports.tables import cell_table

    states = states_of(_grouped(by_task), metrics["seeds"][0])
    covered = projection.chart(states, facts["distance_dimensions"])
    shown = drawn_scales(metrics)
    return (
        cell_table(metrics).markdown(),
        cell_page(metrics, covered, repeat),
        plot_rows(metrics),
        png(heatmap.chart(metrics, *shown)),
        png(returns.chart(metrics, *shown)),
        png(covered),
    )


def _grouped(by_task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"returns__task_1": x}` as `{"returns": {"task_1": x}}`."""
    grouped: dict[str, dict[str, Any]] = {}
    for name, value in by_task.items():
        kind, _, task = name.partition("__")
        grouped.setdefault(kind, {})[task] = value
    return grouped
