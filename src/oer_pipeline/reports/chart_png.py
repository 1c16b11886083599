"""A chart as a PNG picture, drawn by matplotlib: no browser is needed, and equal charts
give equal bytes."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from oer_pipeline.reports.canvas import blank, png_bytes, tidy
from oer_pipeline.reports.chart import (
    Axis,
    Band,
    Chart,
    Heat,
    Histogram,
    Panel,
    Series,
)
from oer_pipeline.reports.palette import BRIGHT, SCALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as DrawnAxis
    from matplotlib.figure import Figure, SubFigure

POINTS = 0.75
"""Points, matplotlib's unit, in a pixel."""
SYMBOLS = {"circle": "o", "square": "s", "bar": "|"}


def png(*charts: Chart, columns: int = 1) -> bytes:
    """The charts on one sheet, `columns` of them in a row."""
    rows = ceil(len(charts) / columns)
    width = max(chart.size[0] for chart in charts)
    height = max(chart.size[1] for chart in charts)
    sheet = blank(columns * width, rows * height)
    if len(charts) == 1:
        _draw(sheet, charts[0])
        return png_bytes(sheet)
    parts = sheet.subfigures(rows, columns, squeeze=False)
    for part, chart in zip(parts.flat, charts, strict=False):
        _draw(part, chart)
    return png_bytes(sheet)


def _draw(figure: Figure | SubFigure, chart: Chart) -> None:
    grid = figure.subplots(chart.rows, chart.columns, squeeze=False)
    places: list[Axes] = list(grid.flat)
    for axes, panel in zip(places, chart.panels, strict=False):
        _draw_panel(figure, axes, panel)
    for spare in places[len(chart.panels) :]:
        spare.set_axis_off()
    figure.suptitle(chart.title, fontsize=12)
    _add_legend(figure, places, chart.legend)


def _draw_panel(
    figure: Figure | SubFigure,
    axes: Axes,
    panel: Panel,
) -> None:
    tidy(axes)
    for layer in panel.layers:
        if isinstance(layer, Heat):
            _draw_heat(figure, axes, layer)
        elif isinstance(layer, Histogram):
            _draw_histogram(axes, layer)
        elif isinstance(layer, Band):
            _draw_band(axes, layer)
        else:
            _draw_series(axes, layer)
    axes.set_title(panel.title, fontsize=11)
    axes.set_xscale("log" if panel.x.logarithmic else "linear")
    axes.set_yscale("log" if panel.y.logarithmic else "linear")
    _label(axes.xaxis, panel.x)
    _label(axes.yaxis, panel.y)
    if panel.x.limits is not None:
        axes.set_xlim(*panel.x.limits)
    if panel.y.limits is not None:
        axes.set_ylim(*panel.y.limits)


def _draw_series(axes: Axes, layer: Series) -> None:
    style = "--" if layer.dashed else "-"
    axes.plot(
        np.asarray(layer.x, np.float64),
        np.asarray(layer.y, np.float64),
        color=layer.colour,
        alpha=layer.opacity,
        linestyle=style if layer.line else "",
        linewidth=POINTS * layer.line,
        marker=SYMBOLS[layer.symbol] if layer.marker else "",
        markersize=POINTS * layer.marker,
        markeredgewidth=3 if layer.symbol == "bar" else 0,
        label=layer.name if layer.in_legend else "",
    )


def _draw_band(axes: Axes, layer: Band) -> None:
    axes.fill_between(
        np.asarray(layer.x, np.float64),
        layer.low,
        layer.high,
        color=layer.colour,
        alpha=layer.opacity,
        linewidth=0,
    )


def _draw_histogram(axes: Axes, layer: Histogram) -> None:
    axes.bar(
        layer.edges[:-1],
        layer.heights,
        np.diff(layer.edges),
        align="edge",
        color=layer.colour,
        edgecolor="white",
    )


def _draw_heat(
    figure: Figure | SubFigure,
    axes: Axes,
    layer: Heat,
) -> None:
    low, high = layer.limits
    image = axes.imshow(
        layer.values,
        cmap=SCALE,
        vmin=low,
        vmax=high,
        aspect="auto",
    )
    for row, column in np.argwhere(~np.isnan(layer.values)):
        value = layer.values[row, column]
        bright = (value - low) / (high - low) > BRIGHT
        axes.text(
            column,
            row,
            f"{value:.1f}",
            ha="center",
            va="center",
            color="black" if bright else "white",
            fontsize=11,
        )
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if layer.with_scale:
        figure.colorbar(image, ax=axes, label=layer.label)


def _label(drawn: DrawnAxis, axis: Axis) -> None:
    """What is measured, and 0.2, 0.5, 1, 2, ... on a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    drawn.set_label_text(axis.label)
    if axis.logarithmic:
        drawn.set_major_locator(LogLocator(subs=(1, 2, 5)))
        drawn.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        drawn.set_minor_formatter(NullFormatter())
    if axis.names is not None:
        drawn.set_ticks(list(axis.names), list(axis.names.values()))
        drawn.set_minor_locator(NullLocator())


def _add_legend(
    figure: Figure | SubFigure,
    places: list[Axes],
    title: str,
) -> None:
    """An entry per name, beside the panels; none without names."""
    handles: dict[str, Any] = {}
    for axes in places:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    if not handles:
        return
    legend = figure.legend(
        list(handles.values()),
        list(handles),
        title=title or None,
        loc="outside right center",
        frameon=False,
        fontsize=9,
    )
    for shown in legend.legend_handles:
        if shown is not None:
            shown.set_alpha(1.0)
