"""Nodes of the reporting pipeline; arguments such as `returns__task_1` come one per
task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Document = dict[str, Any]


def measure(
    cell: dict[str, str],
    policies_by_seed: dict[int, Any],
    **by_task: Any,
) -> tuple[Document, Document]:
    """The cell's metrics document and its headline numbers.

    Args:
        cell: suite, quality, method and the cell's own name.
        policies_by_seed: tensors and header after the last task.
        by_task: `returns`, `references`, and where there are buffers `buffer` and
            `fidelity`.
    """
    from oer_pipeline.metrics.measure_cell import measure_cell
    from oer_pipeline.metrics.report import headlines

    first = min(policies_by_seed)
    _, header = policies_by_seed[first]
    metrics = measure_cell(cell, header, _grouped(by_task))
    headline = headlines(metrics["aggregate"])
    return metrics, headline


def gather(**by_task: Any) -> pd.DataFrame:
    """Every evaluation episode of the cell, from `returns`."""
    from oer_pipeline.metrics.all_episodes import episodes_of_cell

    returns = _grouped(by_task)["returns"]
    return episodes_of_cell(returns)


def draw(
    metrics: Document,
    facts: Document,
    repeat: Document,
    **by_task: Any,
) -> tuple[str, str, list[Document], bytes, bytes, bytes]:
    """The cell's table, page, returns as rows to plot, and pictures; the projection
    shows the first seed.

    Args:
        metrics: as `measure` returns them.
        facts: of the suite: `distance_dimensions`.
        repeat: what the page's commands repeat the run with.
        by_task: `transitions`, `visits`, and where there are buffers `buffer`.
    """
    from oer_pipeline.reports import heatmap, projection, returns
    from oer_pipeline.reports.cell_metrics import drawn_scales
    from oer_pipeline.reports.cell_page import cell_page, plot_rows, states_of
    from oer_pipeline.reports.chart_png import png
    from oer_pipeline.reports.tables import cell_table

    first = metrics["seeds"][0]
    states = states_of(_grouped(by_task), first)
    dimensions = facts["distance_dimensions"]
    covered = projection.chart(states, dimensions)
    shown = drawn_scales([metrics])
    table = cell_table(metrics)
    matrices = heatmap.chart(metrics, *shown)
    curves = returns.chart(metrics, *shown)
    return (
        table.markdown(),
        cell_page(metrics, covered, repeat),
        plot_rows(metrics),
        png(matrices),
        png(curves),
        png(covered),
    )


def _grouped(by_task: Document) -> dict[str, Document]:
    """`{"returns__task_1": x}` as `{"returns": {"task_1": x}}`."""
    grouped: dict[str, Document] = {}
    for name, value in by_task.items():
        kind, _, task = name.partition("__")
        grouped.setdefault(kind, {})[task] = value
    return grouped
