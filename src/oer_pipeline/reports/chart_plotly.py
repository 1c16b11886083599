"""A chart as plotly's figure: for pages and notebooks, with texts under the pointer."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.chart import (
    Axis,
    Band,
    Chart,
    Heat,
    Histogram,
    Layer,
    Series,
)
from oer_pipeline.reports.palette import SCALE

if TYPE_CHECKING:
    import plotly.graph_objects as go

DECADES = range(-9, 10)
LOGARITHMIC_TICKS = sorted(
    float(f"{digit}e{decade}") for digit, decade in product((1, 2, 5), DECADES)
)
SYMBOLS = {"circle": "circle", "square": "square", "bar": "line-ns"}
CLEAR = "rgba(0,0,0,0)"
"""Behind a figure is the page, light or dark."""
RULES = "rgba(128,128,128,0.25)"
"""Of a grid, on both."""
PANEL_TITLE = 13
TOOLS = "rgba(128,128,128,0.7)"
"""The buttons above a figure."""


def plotly_figure(chart: Chart) -> go.Figure:
    """The chart, as wide as there is room."""
    from plotly.subplots import make_subplots

    titles = [panel.title for panel in chart.panels]
    figure = make_subplots(
        chart.rows,
        chart.columns,
        subplot_titles=[_text(title) for title in titles] if any(titles) else None,
        vertical_spacing=0.34 / chart.rows,
        horizontal_spacing=0.2 / chart.columns,
    )
    named: set[str] = set()
    for number, panel in enumerate(chart.panels):
        row, column = divmod(number, chart.columns)
        place = {"row": row + 1, "col": column + 1}
        for layer in panel.layers:
            figure.add_trace(_trace(layer, chart, row, named), **place)
        figure.update_xaxes(**_axis(panel.x), **place)
        figure.update_yaxes(**_axis(panel.y), **place)
        if any(isinstance(layer, Heat) for layer in panel.layers):
            figure.update_xaxes(showgrid=False, **place)
            figure.update_yaxes(showgrid=False, **place)
    figure.update_annotations(font_size=PANEL_TITLE)
    figure.update_layout(
        title={"text": _text(chart.title)},
        legend={"title": {"text": _text(chart.legend)}},
        template="plotly_white",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        height=chart.pixels,
        modebar={"bgcolor": CLEAR, "color": TOOLS, "activecolor": TOOLS},
        margin={"l": 70, "r": 30, "t": 70, "b": 60},
    )
    return figure


def _trace(
    layer: Layer,
    chart: Chart,
    row: int,
    named: set[str],
) -> Any:
    """plotly's form of a layer; `named` has the legend's entries so far."""
    if isinstance(layer, Heat):
        return _heat(layer, chart, row)
    if isinstance(layer, Histogram):
        return _histogram(layer)
    if isinstance(layer, Band):
        return _band(layer)
    return _series(layer, named)


def _series(layer: Series, named: set[str]) -> Any:
    import plotly.graph_objects as go

    shown = bool(layer.name) and layer.in_legend and layer.name not in named
    if shown:
        named.add(layer.name)
    marker: dict[str, Any] = {
        "color": layer.colour,
        "size": layer.marker,
        "symbol": SYMBOLS[layer.symbol],
    }
    if layer.symbol == "bar":
        marker["line"] = {"width": 4, "color": layer.colour}
    line: dict[str, Any] = {"color": layer.colour, "width": layer.line}
    if layer.dashed:
        line["dash"] = "dash"
    parts = ["lines"] * (layer.line > 0) + ["markers"] * (layer.marker > 0)
    return go.Scatter(
        x=_numbers(layer.x),
        y=_numbers(layer.y),
        mode="+".join(parts),
        name=_text(layer.name),
        legendgroup=layer.name,
        showlegend=shown,
        line=line,
        marker=marker,
        opacity=layer.opacity,
        hovertext=[_text(text) for text in layer.hover],
        hoverinfo="text" if layer.hover else "skip",
    )


def _heat(
    layer: Heat,
    chart: Chart,
    row: int,
) -> Any:
    import plotly.graph_objects as go

    low, high = layer.limits
    middle = 1.0 - (row + 0.5) / chart.rows
    title = {"text": layer.label, "side": "right"}
    scale = {"title": title, "len": 1.0 / chart.rows, "y": middle}
    hover = []
    for texts in layer.hover:
        hover.append([_text(text) for text in texts])
    return go.Heatmap(
        z=[_numbers(values) for values in layer.values],
        zmin=low,
        zmax=high,
        colorscale=SCALE.capitalize(),
        texttemplate="%{z:.1f}",
        hovertext=hover,
        hoverinfo="text",
        hoverongaps=False,
        showscale=layer.with_scale,
        colorbar=scale,
    )


def _band(layer: Band) -> Any:
    """A closed outline, filled; it goes and comes with the line of its name."""
    import plotly.graph_objects as go

    known = ~(np.isnan(layer.low) | np.isnan(layer.high))
    x = np.asarray(layer.x, np.float64)[known]
    return go.Scatter(
        x=_numbers(np.concatenate([x, x[::-1]])),
        y=_numbers(np.concatenate([layer.high[known], layer.low[known][::-1]])),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=layer.colour,
        opacity=layer.opacity,
        name=_text(layer.name),
        legendgroup=layer.name,
        showlegend=False,
        hoverinfo="skip",
    )


def _histogram(layer: Histogram) -> Any:
    import plotly.graph_objects as go

    edges = np.asarray(layer.edges, np.float64)
    return go.Bar(
        x=_numbers((edges[1:] + edges[:-1]) / 2),
        y=_numbers(layer.heights),
        width=_numbers(np.diff(edges)),
        marker={"color": layer.colour},
        showlegend=False,
    )


def _axis(axis: Axis) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "title": {"text": _text(axis.label)},
        "zeroline": False,
        "gridcolor": RULES,
        "linecolor": RULES,
        "automargin": True,
    }
    if axis.logarithmic:
        settings["type"] = "log"
        settings["tickvals"] = LOGARITHMIC_TICKS
    if axis.names is not None:
        settings["tickvals"] = list(axis.names)
        settings["ticktext"] = [_text(name) for name in axis.names.values()]
    if axis.limits is not None:
        limits = np.log10(axis.limits) if axis.logarithmic else axis.limits
        settings["range"] = [float(limit) for limit in limits]
    return settings


def _numbers(values: Any) -> list[float | None]:
    """Plain numbers, None for NaN."""
    array: FloatArray = np.asarray(values, np.float64)
    return [None if np.isnan(value) else float(value) for value in array]


def _text(text: str) -> str:
    """plotly takes HTML."""
    return text.replace("\n", "<br>")
