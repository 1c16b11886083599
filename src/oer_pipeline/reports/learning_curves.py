"""Return against updates: a panel per suite and quality, a line per base learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.reports.canvas import canvas, png_bytes, tidy
from oer_pipeline.reports.palette import GREY, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = (3.1, 2.5)
"""Width and height, inches."""
LEVELS = {"expert": "--", "data": "-", "doing nothing": ":"}
"""What a panel compares with, and how its horizontal line is drawn."""


@dataclass(frozen=True)
class Panel:
    """What one panel shows: `lines` has each variant's estimate per point that it
    reached."""

    title: str
    lines: Mapping[str, Sequence[Estimate]]
    levels: Mapping[str, float]


def figure(
    panels: Sequence[Panel],
    columns: int,
    points: Sequence[int],
) -> bytes:
    """The panels as PNG, row by row, updates on a logarithmic axis.

    Bands are 95 % intervals over seeds. A variant whose training diverged has a shorter
    line.

    Args:
        panels: row by row.
        columns: panels side by side.
        points: numbers of updates, ascending.
    """
    rows = ceil(len(panels) / columns)
    width, height = PANEL
    drawing, axes = canvas(width * columns, height * rows + 0.6, rows, columns)
    for place, panel in zip(axes, panels, strict=False):
        _draw(place, panel, points)
    for place in axes[len(panels) :]:
        place.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    drawing.supxlabel("updates")
    drawing.supylabel("return, mean over tasks")
    return png_bytes(drawing)


def _draw(
    axes: Axes,
    panel: Panel,
    points: Sequence[int],
) -> None:
    for name, style in LEVELS.items():
        level = panel.levels[name]
        axes.axhline(
            level,
            color=GREY,
            linestyle=style,
            linewidth=1.2,
            label=name,
        )
    for number, (variant, line) in enumerate(panel.lines.items()):
        _draw_variant(
            axes,
            variant,
            line,
            points[: len(line)],
            colour(number),
        )
    axes.set_title(panel.title, fontsize=9)
    axes.set_xscale("log", base=2)
    axes.set_xticks(points, [f"{point / 1000:g}k" for point in points])
    axes.set_ylim(*_limits(panel))
    axes.minorticks_off()
    tidy(axes)


def _draw_variant(
    axes: Axes,
    variant: str,
    line: Sequence[Estimate],
    reached: Sequence[int],
    tint: str,
) -> None:
    """The means as a line, their intervals as a band; a point without interval has a
    band of no height."""
    means = []
    low = []
    high = []
    for estimate in line:
        means.append(estimate.mean)
        low.append(estimate.mean if estimate.low is None else estimate.low)
        high.append(estimate.mean if estimate.high is None else estimate.high)
    axes.plot(
        reached,
        means,
        color=tint,
        marker="o",
        markersize=3,
        label=variant,
    )
    axes.fill_between(
        reached,
        low,
        high,
        color=tint,
        alpha=0.12,
        linewidth=0,
    )


def _limits(panel: Panel) -> tuple[float, float]:
    """All means and levels with some room; bands may be cut, one of 3 seeds can be
    huge."""
    shown = list(panel.levels.values())
    for line in panel.lines.values():
        shown += [estimate.mean for estimate in line]
    room = 0.08 * (max(shown) - min(shown)) or 1.0
    return min(shown) - room, max(shown) + room
