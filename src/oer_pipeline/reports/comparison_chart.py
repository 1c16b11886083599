"""Methods side by side: PER and forgetting, with intervals and every seed."""

from __future__ import annotations

from collections.abc import Sequence

from oer_pipeline.reports.cell_metrics import TITLES, Cell, estimate, ranked, scale
from oer_pipeline.reports.chart import Axis, Chart, Panel, Series, ticks, with_room
from oer_pipeline.reports.interval_row import interval_row
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
    methods = [cell["cell"] for cell in order]
    colours = colours_of(order)
    panels: list[Panel] = []
    for metric, title in PANELS.items():
        layers: list[Series] = []
        for row, cell in enumerate(order):
            method = cell["cell"]
            found = estimate(cell, metric, in_scale)
            layers += interval_row(
                method,
                found,
                row,
                colours[method],
            )
        names = methods if not panels else [""] * len(methods)
        rows = Axis(
            names=ticks(names),
            limits=(len(methods) - 0.5, -0.5),
        )
        panels.append(
            Panel(
                layers,
                x=Axis(limits=_ends(layers)),
                y=rows,
                title=f"{title}, {TITLES[in_scale]}",
            )
        )
    height = 1.4 + 0.55 * len(order)
    return Chart(
        _title(order),
        panels,
        size=(WIDTH, height),
        columns=len(PANELS),
    )


def _ends(layers: Sequence[Series]) -> tuple[float, float] | None:
    """Of an axis that no interval touches the end of."""
    values: list[float] = []
    for layer in layers:
        values += list(layer.x)
    return with_room(values) if values else None


def _title(cells: Sequence[Cell]) -> str:
    first = cells[0]
    some_interval = any(cell["aggregate"]["per"]["low"] is not None for cell in cells)
    what = "mean, 95 % interval" if some_interval else "mean"
    return f"{first['suite']}, {first['quality']}: {what}, each seed as a point"
