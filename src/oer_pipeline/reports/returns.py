"""Success and return on each task over the sequence, every seed visible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.reports.cells import (
    MEASURED,
    UNITS,
    Cell,
    drawn_scales,
    matrices,
    scale,
)
from oer_pipeline.reports.style import canvas, colour, layout, png_bytes, tidy

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes


def figure(metrics: Cell, in_scale: str | None = None) -> go.Figure:
    """A line a task from when it was learned to the end: the mean bold, each seed thin
    behind it.

    In the scale that leads if none is given.
    """
    import plotly.graph_objects as go

    shown = in_scale or scale([metrics])
    returns, tasks = matrices(metrics, shown), list(metrics["tasks"])
    plot = go.Figure()
    for i, task in enumerate(tasks):
        common = {
            "x": tasks[i:],
            "legendgroup": task,
            "line": {"color": colour(i), "width": 1},
        }
        for seed, line in zip(
            metrics["seeds"], returns[:, i:, i].tolist(), strict=True
        ):
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
        plot.add_scatter(
            **common,
            y=mean,
            mode="lines+markers",
            marker={"size": 9},
            name=task,
            hovertemplate=hover,
        )
    legend = {"title": {"text": f"{MEASURED[shown]} on"}}
    plot.update_layout(**layout(_title(metrics, (shown,)), 460, legend=legend))
    plot.update_xaxes(
        title="after learning",
        type="category",
        categoryorder="array",
        categoryarray=tasks,
    )
    plot.update_yaxes(title=UNITS[shown])
    return plot


def png(metrics: Cell) -> bytes:
    """The same as PNG: success, where there is any, above return."""
    shown, width = drawn_scales(metrics), max(7.0, 3.0 + 1.2 * len(metrics["tasks"]))
    drawing, panels = canvas(width, 4.2 * len(shown), rows=len(shown))
    for axes, name in zip(panels, shown, strict=True):
        _draw(axes, metrics, name)
    lines, names = panels[0].get_legend_handles_labels()
    title = "return on" if len(shown) == 1 else "on"
    drawing.legend(lines, names, title=title, loc="outside right center", frameon=False)
    drawing.suptitle(_title(metrics, shown), fontsize=12)
    return png_bytes(drawing)


def _draw(axes: Axes, metrics: Cell, in_scale: str) -> None:
    returns, tasks = matrices(metrics, in_scale), list(metrics["tasks"])
    for i, task in enumerate(tasks):
        steps = np.arange(i, len(tasks))
        axes.plot(
            steps,
            returns[:, i:, i].T,
            color=colour(i),
            linewidth=1,
            alpha=0.4,
            marker="o",
            markersize=3.5,
        )
        mean = returns[:, i:, i].mean(axis=0)
        axes.plot(
            steps,
            mean,
            color=colour(i),
            linewidth=2.5,
            marker="o",
            markersize=7,
            label=task,
        )
    axes.set_xticks(range(len(tasks)), tasks)
    axes.set(xlabel="after learning", ylabel=UNITS[in_scale])
    tidy(axes)


def _title(metrics: Cell, shown: Sequence[str]) -> str:
    count, what = len(metrics["seeds"]), " and ".join(MEASURED[name] for name in shown)
    return (
        f"{metrics['cell']}: {what} per task over the sequence (bold: mean, thin:"
        f" {count} seed{'s' * (count != 1)})"
    )
