"""The matrix R as a heat map: what each task still returns after every task learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.cells import (
    MEASURED,
    TITLES,
    UNITS,
    Cell,
    drawn_scales,
    matrices,
    scale,
)
from oer_pipeline.reports.style import canvas, layout, png_bytes

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

COLOURS = "Viridis"


def figure(metrics: Cell, in_scale: str | None = None) -> go.Figure:
    """Rows: after learning task k; columns: task i; mean over seeds, in the scale that
    leads if none is given."""
    import plotly.graph_objects as go

    shown = in_scale or scale([metrics])
    mean, tasks = _mean(metrics, shown), list(metrics["tasks"])
    low, high = _range(mean, shown)
    heat = go.Heatmap(
        z=[[None if np.isnan(v) else v for v in row] for row in mean.tolist()],
        x=tasks,
        y=tasks,
        zmin=low,
        zmax=high,
        colorscale=COLOURS,
        texttemplate="%{z:.1f}",
        hovertemplate="after %{y}: %{z:.1f} on %{x}<extra></extra>",
        colorbar={"title": {"text": TITLES[shown]}},
    )
    plot = go.Figure(heat)
    plot.update_layout(**layout(_title(metrics, (shown,)), 160 + 70 * len(tasks)))
    plot.update_xaxes(
        title=f"{MEASURED[shown]} on", side="bottom", showgrid=False, type="category"
    )
    plot.update_yaxes(
        title="after learning", autorange="reversed", showgrid=False, type="category"
    )
    return plot


def png(metrics: Cell) -> bytes:
    """The same as PNG: success, where there is any, above return."""
    shown, tasks = drawn_scales(metrics), len(metrics["tasks"])
    height = 1.7 + 0.75 * tasks
    drawing, panels = canvas(3.2 + 1.1 * tasks, len(shown) * height, rows=len(shown))
    for axes, name in zip(panels, shown, strict=True):
        image = _draw(axes, metrics, name)
        drawing.colorbar(image, ax=axes, label=UNITS[name])
    drawing.suptitle(_title(metrics, shown), fontsize=12)
    return png_bytes(drawing)


def _draw(axes: Axes, metrics: Cell, in_scale: str) -> AxesImage:
    mean, tasks = _mean(metrics, in_scale), list(metrics["tasks"])
    low, high = _range(mean, in_scale)
    image = axes.imshow(mean, cmap=COLOURS.lower(), vmin=low, vmax=high, aspect="auto")
    for k, i in zip(*np.nonzero(~np.isnan(mean)), strict=True):
        bright = (mean[k, i] - low) / (high - low) > 0.6
        axes.text(
            i,
            k,
            f"{mean[k, i]:.1f}",
            ha="center",
            va="center",
            color="black" if bright else "white",
            fontsize=11,
        )
    axes.set_xticks(range(len(tasks)), tasks)
    axes.set_yticks(range(len(tasks)), tasks)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel=f"{MEASURED[in_scale]} on", ylabel="after learning")
    return image


def _mean(metrics: Cell, in_scale: str) -> FloatArray:
    return np.asarray(matrices(metrics, in_scale).mean(axis=0))


def _title(metrics: Cell, shown: Sequence[str]) -> str:
    count, what = len(metrics["seeds"]), " and ".join(MEASURED[name] for name in shown)
    return (
        f"{metrics['cell']}: {what} after each task, mean of {count}"
        f" seed{'s' * (count != 1)}"
    )


def _range(mean: FloatArray, in_scale: str) -> tuple[float, float]:
    """Colours of success and normalised returns span 0 to 100 at least, so that the
    maps of methods compare by eye."""
    low, high = float(np.nanmin(mean)), float(np.nanmax(mean))
    if in_scale != "raw":
        return min(low, 0.0), max(high, 100.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)
