"""Return on each task over the sequence, every seed visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.reports.cells import UNITS, Cell, matrices, scale
from oer_pipeline.reports.style import canvas, colour, layout, png_bytes, tidy

if TYPE_CHECKING:
    import plotly.graph_objects as go


def figure(metrics: Cell) -> go.Figure:
    """A line a task from when it was learned to the end: the mean bold, each seed thin behind it."""
    import plotly.graph_objects as go

    returns, tasks = matrices(metrics), list(metrics["tasks"])
    plot = go.Figure()
    for i, task in enumerate(tasks):
        common = {"x": tasks[i:], "legendgroup": task, "line": {"color": colour(i), "width": 1}}
        for seed, line in zip(metrics["seeds"], returns[:, i:, i].tolist(), strict=True):
            hover = f"{task}, seed {seed}: %{{y:.1f}} after %{{x}}<extra></extra>"
            plot.add_scatter(
                **common,
                y=line,
                mode="lines+markers",
                opacity=0.4,
                marker={"size": 5},
                showlegend=False,
                hovertemplate=hover,
            )
        common["line"] = {"color": colour(i), "width": 3}
        hover = f"{task}, mean: %{{y:.1f}} after %{{x}}<extra></extra>"
        mean = returns[:, i:, i].mean(axis=0).tolist()
        plot.add_scatter(**common, y=mean, mode="lines+markers", marker={"size": 9}, name=task, hovertemplate=hover)
    plot.update_layout(**layout(_title(metrics), 460, legend={"title": {"text": "return on"}}))
    plot.update_xaxes(title="after learning", type="category", categoryorder="array", categoryarray=tasks)
    plot.update_yaxes(title=UNITS[scale([metrics])])
    return plot


def png(metrics: Cell) -> bytes:
    """The same as PNG."""
    returns, tasks = matrices(metrics), list(metrics["tasks"])
    drawing, (axes,) = canvas(max(7.0, 3.0 + 1.2 * len(tasks)), 4.2)
    for i, task in enumerate(tasks):
        steps = np.arange(i, len(tasks))
        axes.plot(steps, returns[:, i:, i].T, color=colour(i), linewidth=1, alpha=0.4, marker="o", markersize=3.5)
        mean = returns[:, i:, i].mean(axis=0)
        axes.plot(steps, mean, color=colour(i), linewidth=2.5, marker="o", markersize=7, label=task)
    axes.set_xticks(range(len(tasks)), tasks)
    axes.set(xlabel="after learning", ylabel=UNITS[scale([metrics])])
    tidy(axes)
    drawing.legend(title="return on", loc="outside right center", frameon=False)
    drawing.suptitle(_title(metrics), fontsize=12)
    return png_bytes(drawing)


def _title(metrics: Cell) -> str:
    count = len(metrics["seeds"])
    return f"{metrics['cell']}: return per task over the sequence (bold: mean, thin: {count} seed{'s' * (count != 1)})"
