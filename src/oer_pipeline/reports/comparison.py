"""Methods side by side: PER and forgetting, with intervals and every seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.reports.cells import TITLES, Cell, estimate, ranked, scale
from oer_pipeline.reports.style import PALETTE, canvas, layout, png_bytes, tidy

if TYPE_CHECKING:
    import plotly.graph_objects as go

PANELS = {"per": "PER (higher is better)", "forgetting": "forgetting (lower is better)"}
COLOUR, POINTS = PALETTE[0], PALETTE[1]
BELOW = 0.22  # rows: seeds lie under their mean, so that neither hides the other


def figure(cells: Sequence[Cell]) -> go.Figure:
    """A panel a metric, a row a method in order of PER: seeds as points, mean and
    interval as bars.

    Raises:
        DataError: cells that may not be compared (`cells.ranked`).
    """
    from plotly.subplots import make_subplots

    order = ranked(cells)
    plot = make_subplots(
        1,
        len(PANELS),
        subplot_titles=_titles(order),
        shared_yaxes=True,
        horizontal_spacing=0.06,
    )
    for column, metric in enumerate(PANELS, start=1):
        for row, (name, found) in enumerate(_estimates(order, metric)):
            if found is None:
                continue
            common = {
                "mode": "markers",
                "showlegend": False,
                "row": 1,
                "col": column,
                "name": name,
            }
            mean = {
                "color": COLOUR,
                "size": 20,
                "symbol": "line-ns",
                "line": {"width": 4, "color": COLOUR},
            }
            plot.add_scatter(
                x=[found.mean], y=[row], marker=mean, error_x=_bars(found), **common
            )
            points = {"color": POINTS, "size": 8, "opacity": 0.8}
            plot.add_scatter(
                x=list(found.values),
                y=[row + BELOW] * found.seeds,
                marker=points,
                **common,
            )
    names = [cell["cell"] for cell in order]
    plot.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.5, -0.5]
    )
    plot.update_layout(**layout(_title(order), 170 + 60 * len(order)))
    return plot


def png(cells: Sequence[Cell]) -> bytes:
    """The same as PNG."""
    order = ranked(cells)
    drawing, axes = canvas(9.0, 1.4 + 0.55 * len(order), columns=len(PANELS))
    for axis, metric, title in zip(axes, PANELS, _titles(order), strict=True):
        for row, (_, found) in enumerate(_estimates(order, metric)):
            if found is None:
                continue
            if found.low is not None and found.high is not None:
                axis.plot(
                    [found.low, found.high], [row, row], color=COLOUR, linewidth=2
                )
            axis.plot(
                found.mean, row, "|", color=COLOUR, markersize=14, markeredgewidth=3.5
            )
            axis.plot(
                found.values,
                [row + BELOW] * found.seeds,
                "o",
                color=POINTS,
                alpha=0.8,
                markersize=5,
            )
        axis.set_title(title, fontsize=11)
        axis.set_yticks(range(len(order)), [cell["cell"] for cell in order])
        axis.set_ylim(len(order) - 0.5, -0.5)
        axis.locator_params(axis="x", nbins=5)
        tidy(axis)
    axes[1].tick_params(labelleft=False)
    drawing.suptitle(_title(order), fontsize=12)
    return png_bytes(drawing)


def _estimates(cells: Sequence[Cell], metric: str) -> list[tuple[str, Estimate | None]]:
    return [(cell["cell"], estimate(cell, metric, scale(cells))) for cell in cells]


def _titles(cells: Sequence[Cell]) -> list[str]:
    return [f"{title}, {TITLES[scale(cells)]}" for title in PANELS.values()]


def _title(cells: Sequence[Cell]) -> str:
    interval = (
        "95 % interval, "
        if any(cell["aggregate"]["per"]["low"] is not None for cell in cells)
        else ""
    )
    return (
        f"{cells[0]['suite']}, {cells[0]['quality']}: mean, {interval}each seed as a"
        " point"
    )


def _bars(found: Estimate) -> dict[str, object] | None:
    if found.low is None or found.high is None:
        return None
    upper, lower = found.high - found.mean, found.mean - found.low
    return {
        "type": "data",
        "array": [upper],
        "arrayminus": [lower],
        "width": 0,
        "thickness": 3,
        "color": COLOUR,
    }
