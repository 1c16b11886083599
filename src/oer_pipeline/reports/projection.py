"""Data, buffer and the deployed policy's visits in the plane: does the buffer lie where
the policy goes?

Each task has its own principal components, fitted on its data set's standardised
observations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from oer_pipeline.common.standardisation import EPSILON
from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.chart import Axis, Chart, Panel, Series
from oer_pipeline.reports.palette import GREY, PALETTE

SHOWN = 2_000
COLUMNS = 3
LEAST_VARIANCE = 1e-9
"""Of a component of standardised observations; below is rounding."""
LAYERS = {
    "data": (GREY, 3, 0.5),
    "visits": (PALETTE[5], 4, 0.5),
    "buffer": (PALETTE[1], 6, 0.9),
}
"""Drawn in this order: colour, size, opacity."""


@dataclass(frozen=True)
class States:
    """One task's raw observations: its data set, the deployed policy's visits and its
    buffer, (n, O) each."""

    task: str
    data: FloatArray
    visits: FloatArray
    buffer: FloatArray | None = None

    @property
    def layers(self) -> dict[str, FloatArray]:
        """What there is, by name, in the order of `LAYERS`."""
        found = {"data": self.data, "visits": self.visits}
        if self.buffer is not None:
            found["buffer"] = self.buffer
        return found


@dataclass(frozen=True)
class Plane:
    """A task's layers on its first two principal components, (n, 2) each, and the
    variance that these explain. A component along which nothing varies is zeros and
    explains 0."""

    task: str
    layers: dict[str, FloatArray]
    explained: tuple[float, float]  # fractions

    def axis(self, component: int) -> str:
        share = 100 * self.explained[component]
        return f"component {component + 1} ({share:.0f} % of variance)"


def plane(
    states: States,
    dimensions: Sequence[int] | None = None,
) -> Plane:
    """Project a task's layers; at most 2,000 rows of each are kept, a fixed choice.

    Args:
        states: the layers.
        dimensions: those of an observation that count; None for all.
    """
    if dimensions is None:
        dimensions = range(states.data.shape[1])
    columns = list(dimensions)
    data = states.data[:, columns].astype(np.float64)
    mean = data.mean(axis=0)
    std = data.std(axis=0)
    axes, explained = _components((data - mean) / (std + EPSILON))
    layers = {}
    for name, rows in states.layers.items():
        standardised = (_some(rows)[:, columns] - mean) / (std + EPSILON)
        layers[name] = (standardised @ axes).astype(np.float32)
    return Plane(states.task, layers, explained)


def chart(
    tasks: Sequence[States],
    dimensions: Sequence[int] | None = None,
) -> Chart:
    """A panel per task: data light, visits and buffer over it.

    Args:
        tasks: of one seed, in order.
        dimensions: of the observation, that are projected; None: all.
    """
    panels = [_panel(plane(states, dimensions)) for states in tasks]
    columns = min(COLUMNS, len(panels))
    rows = ceil(len(panels) / columns)
    width = 1.6 + 3.9 * columns
    height = 0.5 + 3.7 * rows
    return Chart(
        "States on the data set's principal components",
        panels,
        (width, height),
        columns,
    )


def _panel(shown: Plane) -> Panel:
    layers = []
    for name, points in shown.layers.items():
        tint, size, opacity = LAYERS[name]
        x, y = points.T.astype(np.float64).round(3)
        layers.append(
            Series(
                x,
                y,
                tint,
                name,
                marker=size,
                opacity=opacity,
            )
        )
    return Panel(layers, Axis(shown.axis(0)), Axis(shown.axis(1)), shown.task)


def _components(
    standardised: FloatArray,
) -> tuple[FloatArray, tuple[float, float]]:
    """The first two principal axes (O, 2), signed so that their largest weight is
    positive, and explained variance; zeros in place of an axis without any."""
    covariance = np.atleast_2d(np.cov(standardised.T, bias=True))
    found, variance, _ = np.linalg.svd(covariance)
    varying = min(2, int((variance >= LEAST_VARIANCE).sum()))
    axes = np.zeros((len(covariance), 2))
    axes[:, :varying] = found[:, :varying]
    largest = np.abs(axes).argmax(axis=0)
    signs = np.sign(axes[largest, [0, 1]])
    explained = np.zeros(2)
    explained[:varying] = variance[:varying] / variance.sum()
    first, second = explained.tolist()
    return axes * signs, (first, second)


def _some(rows: FloatArray) -> FloatArray:
    """At most 2,000 rows, always the same ones of equally many."""
    if len(rows) <= SHOWN:
        return rows
    generator = np.random.default_rng(0)
    chosen = generator.choice(len(rows), SHOWN, replace=False)
    chosen.sort()
    return rows[chosen]
