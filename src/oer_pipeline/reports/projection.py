"""Data, buffer and the deployed policy's visits in the plane: does the buffer lie where
the policy goes?

Each task has its own principal components, fitted on its data set's standardised
observations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.standardisation import EPSILON
from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.style import GREY, PALETTE, canvas, layout, png_bytes

if TYPE_CHECKING:
    import plotly.graph_objects as go

SHOWN = 2_000
COLUMNS = 3
LAYERS = {
    "data": (GREY, 3, 0.5),
    "visits": (PALETTE[5], 4, 0.5),
    "buffer": (PALETTE[1], 6, 0.9),
}
"""Drawn in this order: colour, size, opacity."""


@dataclass(frozen=True)
class Panel:
    """One task's raw observations: its data set, the deployed policy's visits and its
    buffer, (n, O) each."""

    task: str
    data: FloatArray
    visits: FloatArray
    buffer: FloatArray | None = None


@dataclass(frozen=True)
class Plane:
    """A task's layers on its first two principal components, (n, 2) each, and the
    variance that these explain."""

    task: str
    layers: dict[str, FloatArray]
    explained: tuple[float, float]  # fractions

    def axis(self, component: int) -> str:
        return (
            f"component {component + 1} ({100 * self.explained[component]:.0f} % of"
            " variance)"
        )


def plane(panel: Panel, dimensions: Sequence[int] | None = None) -> Plane:
    """Project a task's layers; at most 2,000 rows of each are kept, a fixed choice.
    `dimensions`: None for all.

    Raises:
        DataError: fewer than two dimensions that vary in the data set.
    """
    columns = (
        list(range(panel.data.shape[1])) if dimensions is None else list(dimensions)
    )
    data = panel.data[:, columns].astype(np.float64)
    mean, std = data.mean(axis=0), data.std(axis=0)
    axes, explained = _components((data - mean) / (std + EPSILON), panel.task)
    given = {"data": panel.data, "visits": panel.visits, "buffer": panel.buffer}
    layers = {
        name: (
            ((_some(rows)[:, columns] - mean) / (std + EPSILON) @ axes).astype(
                np.float32
            )
        )
        for name, rows in given.items()
        if rows is not None
    }
    return Plane(panel.task, layers, explained)


def figure(
    panels: Sequence[Panel], dimensions: Sequence[int] | None = None
) -> go.Figure:
    """One panel a task: data light, visits and buffer over it."""
    from plotly.subplots import make_subplots

    planes = [plane(panel, dimensions) for panel in panels]
    columns = min(COLUMNS, len(planes))
    rows = ceil(len(planes) / columns)
    plot = make_subplots(
        rows,
        columns,
        subplot_titles=[p.task for p in planes],
        vertical_spacing=0.25 / rows,
    )
    for n, shown in enumerate(planes):
        place = {"row": n // columns + 1, "col": n % columns + 1}
        for name in (name for name in LAYERS if name in shown.layers):
            tint, size, opacity = LAYERS[name]
            x, y = shown.layers[name].T.round(3).tolist()
            marker = {"color": tint, "size": size, "opacity": opacity}
            plot.add_scatter(
                x=x,
                y=y,
                mode="markers",
                marker=marker,
                name=name,
                legendgroup=name,
                hoverinfo="skip",
                showlegend=n == _first(planes, name),
                **place,
            )
        plot.update_xaxes(title=shown.axis(0), zeroline=False, **place)
        plot.update_yaxes(title=shown.axis(1), zeroline=False, **place)
    plot.update_layout(
        **layout("States on the data set's principal components", 130 + 370 * rows)
    )
    return plot


def png(panels: Sequence[Panel], dimensions: Sequence[int] | None = None) -> bytes:
    """The same as PNG."""
    planes = [plane(panel, dimensions) for panel in panels]
    columns = min(COLUMNS, len(planes))
    rows = ceil(len(planes) / columns)
    drawing, axes = canvas(0.9 + 3.9 * columns, 0.5 + 3.7 * rows, rows, columns)
    for spare in axes[len(planes) :]:
        spare.set_axis_off()
    for axis, shown in zip(axes, planes, strict=False):
        for name in (name for name in LAYERS if name in shown.layers):
            tint, size, opacity = LAYERS[name]
            x, y = shown.layers[name].T
            axis.scatter(
                x, y, color=tint, s=size**1.5, alpha=opacity, linewidths=0, label=name
            )
        axis.set(title=shown.task, xlabel=shown.axis(0), ylabel=shown.axis(1))
        axis.spines[["top", "right"]].set_visible(False)
    handles = {
        name: handle
        for axis in axes
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    order = [name for name in LAYERS if name in handles]
    legend = drawing.legend(
        [handles[name] for name in order],
        order,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        markerscale=2,
    )
    for handle in legend.legend_handles:
        handle.set_alpha(1.0)  # type: ignore[union-attr]
    drawing.suptitle("States on the data set's principal components", fontsize=12)
    return png_bytes(drawing)


def _components(
    standardised: FloatArray, task: str
) -> tuple[FloatArray, tuple[float, float]]:
    """The first two principal axes (O, 2), signed so that their largest weight is
    positive, and explained variance."""
    axes, variance, _ = np.linalg.svd(np.atleast_2d(np.cov(standardised.T)))
    if len(variance) < 2 or variance[1] < 1e-9:
        raise DataError(
            f"projection of {task}: fewer than two dimensions vary in the data set; a"
            " plane needs two"
        )
    largest = np.abs(axes[:, :2]).argmax(axis=0)
    signs = np.sign(axes[largest, [0, 1]])
    first, second = (variance[:2] / variance.sum()).tolist()
    return axes[:, :2] * signs, (first, second)


def _some(rows: FloatArray) -> FloatArray:
    """At most 2,000 rows, always the same ones of equally many."""
    if len(rows) <= SHOWN:
        return rows
    return rows[
        np.sort(np.random.default_rng(0).choice(len(rows), SHOWN, replace=False))
    ]


def _first(planes: Sequence[Plane], name: str) -> int:
    """The first panel that has the layer: its legend entry stands for all."""
    return next(n for n, shown in enumerate(planes) if name in shown.layers)
