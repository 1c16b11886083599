"""What a figure shows, said once: `chart_plotly` draws it for pages, `chart_png` for
files.

Lengths of a chart are inches, of lines and markers pixels (96 an inch).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from oer_pipeline.common.types import FloatArray

Symbol: TypeAlias = Literal["circle", "square", "bar"]
PIXELS_PER_INCH = 100
ROOM = 60
"""Pixels that a page's figure has above and below what the picture has."""


@dataclass(frozen=True)
class Axis:
    """An axis of a panel.

    Args:
        label: what it measures, with its unit.
        names: the texts at chosen places, instead of numbers at places of its own.
        limits: its two ends; the first is the greater one where it is reversed.
        logarithmic: whether equal ratios are equally long.
    """

    label: str = ""
    names: Mapping[float, str] | None = None
    limits: tuple[float, float] | None = None
    logarithmic: bool = False


@dataclass(frozen=True)
class Series:
    """Points, markers on them and a line through them; NaN interrupts the line.

    Args:
        x: places, (n,).
        y: places, (n,).
        colour: of line and markers.
        name: the legend's text; series of one name, in any panel, are one entry.
        in_legend: whether it stands for its name there.
        line: width, 0 for none.
        dashed: whether the line is.
        marker: diameter, 0 for none.
        symbol: a filled circle or square, or an upright bar.
        opacity: from 0 to 1.
        hover: a text per point, shown on pages when the pointer is on it.
    """

    x: Sequence[float] | FloatArray
    y: Sequence[float] | FloatArray
    colour: str
    name: str = ""
    in_legend: bool = True
    line: float = 0.0
    dashed: bool = False
    marker: float = 0.0
    symbol: Symbol = "circle"
    opacity: float = 1.0
    hover: Sequence[str] = ()


@dataclass(frozen=True)
class Heat:
    """A matrix (R, C) as colours with its numbers on them; row 0 lies at y = 0.

    Args:
        values: NaN leaves a place empty.
        limits: the values of the first and the last colour.
        label: what is measured, beside the scale of colours.
        hover: a text per place.
        with_scale: whether the scale of colours is shown; panels may share one.
    """

    values: FloatArray
    limits: tuple[float, float]
    label: str
    hover: Sequence[Sequence[str]]
    with_scale: bool = True


@dataclass(frozen=True)
class Histogram:
    """Bars of `heights` (B,) between `edges` (B + 1,)."""

    edges: Sequence[float]
    heights: Sequence[float]
    colour: str


@dataclass(frozen=True)
class Band:
    """The area between `low` (n,) and `high` (n,) over `x` (n,), behind a line of its
    colour; none where NaN."""

    x: Sequence[float] | FloatArray
    low: FloatArray
    high: FloatArray
    colour: str
    name: str = ""
    opacity: float = 0.15


Layer: TypeAlias = Series | Band | Heat | Histogram


@dataclass(frozen=True)
class Panel:
    """Layers on a pair of axes, the first one at the bottom."""

    layers: Sequence[Layer]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""


@dataclass(frozen=True)
class Chart:
    """Panels row by row under a title.

    Args:
        title: above all panels.
        panels: at least one.
        size: width and height of the whole.
        columns: panels in a row.
        legend: the legend's title; there is a legend where a series has a name.
    """

    title: str
    panels: Sequence[Panel]
    size: tuple[float, float]
    columns: int = 1
    legend: str = ""

    template: ClassVar[str] = "chart.html"

    @property
    def rows(self) -> int:
        return ceil(len(self.panels) / self.columns)

    @property
    def pixels(self) -> int:
        """The height of the figure on a page."""
        return ROOM + round(PIXELS_PER_INCH * self.size[1])


def ticks(names: Sequence[str]) -> dict[float, str]:
    """Names at 0, 1, 2 and so on."""
    return {float(place): name for place, name in enumerate(names)}


def with_room(values: Iterable[float], share: float = 0.05) -> tuple[float, float]:
    """Limits of an axis that keep all values off its ends, by a share of their span."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return 0.0, 1.0
    low = min(known)
    high = max(known)
    room = share * (high - low) or 1.0
    return low - room, high + room


def bars(
    x: Sequence[float] | FloatArray,
    low: FloatArray,
    high: FloatArray,
    colour: str,
    line: float,
    opacity: float = 1.0,
) -> Series:
    """Upright lines.

    Args:
        x: their places, (n,).
        low: their lower ends, (n,).
        high: their upper ends, (n,).
        colour: of all.
        line: width in pixels.
        opacity: 0 to 1.
    """
    nothing = np.full(len(x), np.nan)
    return Series(
        np.column_stack([x, x, nothing]).ravel(),
        np.column_stack([low, high, nothing]).ravel(),
        colour,
        line=line,
        opacity=opacity,
    )
