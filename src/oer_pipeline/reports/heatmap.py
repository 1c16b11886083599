"""The matrix R as a heat map: what each task still returns after every task learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.reports.cells import UNITS, Cell, matrices, scale
from oer_pipeline.reports.style import canvas, layout, png_bytes
from oer_pipeline.types import FloatArray

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOURS = "Viridis"


def figure(metrics: Cell) -> go.Figure:
    """Rows: after learning task k; columns: return on task i; mean over seeds, normalised where references exist."""
    import plotly.graph_objects as go

    mean, tasks = _mean(metrics), list(metrics["tasks"])
    low, high = _range(mean, scale([metrics]))
    heat = go.Heatmap(
        z=[[None if np.isnan(v) else v for v in row] for row in mean.tolist()],
        x=tasks,
        y=tasks,
        zmin=low,
        zmax=high,
        colorscale=COLOURS,
        texttemplate="%{z:.1f}",
        hovertemplate="after %{y}: %{z:.1f} on %{x}<extra></extra>",
        colorbar={"title": {"text": scale([metrics])}},
    )
    plot = go.Figure(heat)
    plot.update_layout(**layout(_title(metrics), 160 + 70 * len(tasks)))
    plot.update_xaxes(title="return on", side="bottom", showgrid=False, type="category")
    plot.update_yaxes(title="after learning", autorange="reversed", showgrid=False, type="category")
    return plot


def png(metrics: Cell) -> bytes:
    """The same as PNG."""
    mean, tasks = _mean(metrics), list(metrics["tasks"])
    low, high = _range(mean, scale([metrics]))
    drawing, (axes,) = canvas(3.2 + 1.1 * len(tasks), 1.7 + 0.75 * len(tasks))
    image = axes.imshow(mean, cmap=COLOURS.lower(), vmin=low, vmax=high, aspect="auto")
    for k, i in zip(*np.nonzero(~np.isnan(mean)), strict=True):
        bright = (mean[k, i] - low) / (high - low) > 0.6
        axes.text(
            i, k, f"{mean[k, i]:.1f}", ha="center", va="center", color="black" if bright else "white", fontsize=11
        )
    axes.set_xticks(range(len(tasks)), tasks)
    axes.set_yticks(range(len(tasks)), tasks)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="return on", ylabel="after learning")
    drawing.colorbar(image, ax=axes, label=UNITS[scale([metrics])])
    drawing.suptitle(_title(metrics), fontsize=12)
    return png_bytes(drawing)


def _mean(metrics: Cell) -> FloatArray:
    return np.asarray(matrices(metrics).mean(axis=0))


def _title(metrics: Cell) -> str:
    count = len(metrics["seeds"])
    return f"{metrics['cell']}: return after each task, mean of {count} seed{'s' * (count != 1)}"


def _range(mean: FloatArray, in_scale: str) -> tuple[float, float]:
    """Colours of normalised returns span 0 to 100 at least, so that the maps of several methods compare by eye."""
    low, high = float(np.nanmin(mean)), float(np.nanmax(mean))
    if in_scale == "normalised":
        return min(low, 0.0), max(high, 100.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)
