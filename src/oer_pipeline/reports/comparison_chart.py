"""Methods side by side: PER and forgetting, with intervals and every seed."""

from __future__ import annotations

from collections.abc import Sequence

from oer_pipeline.reports.cell_metrics import TITLES, Cell, estimate, ranked, scale
from oer_pipeline.reports.chart import Chart, Panel
from oer_pipeline.reports.interval_panel import Row, interval_panel
from oer_pipeline.reports.method_colours import colours_of

PANELS = {"per": "PER (higher is better)", "forgetting": "forgetting (lower is better)"}
WIDTH = 9.0
"""Inches."""


def chart(cells: Sequence[Cell]) -> Chart:
    """A panel per metric, a row per method in order of PER: seeds as points, mean and
    interval as bars.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = ranked(cells)
    in_scale = scale(order)
    colours = colours_of(order)
    panels: list[Panel] = []
    for metric, title in PANELS.items():
        rows = []
        for cell in order:
            name = cell["cell"]
            found = estimate(cell, metric, in_scale)
            label = "" if panels else name
            rows.append(Row(name, found, colours[name], label))
        panels.append(interval_panel(f"{title}, {TITLES[in_scale]}", rows))
    height = 1.4 + 0.55 * len(order)
    return Chart(
        _title(order),
        panels,
        size=(WIDTH, height),
        columns=len(PANELS),
    )


def _title(cells: Sequence[Cell]) -> str:
    first = cells[0]
    some_interval = any(cell["aggregate"]["per"]["low"] is not None for cell in cells)
    what = "mean, 95 % interval" if some_interval else "mean"
    return f"{first['suite']}, {first['quality']}: {what}, each seed as a point"
