"""What each selector's buffer holds and misses, in the plane, as a PNG picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.distances import DataSpace
from oer_pipeline.reports.canvas import canvas, png_bytes
from oer_pipeline.reports.palette import GREY, PALETTE
from oer_pipeline.reports.projection import Plane, States, plane

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

ACROSS = 3  # panels
SHOWN = 500  # visits in a panel
COLOURS = "plasma"
FRAME = "#DDDDDD"


@dataclass(frozen=True)
class Scene:
    """One seed's raw observations: the data set, the policy's visits and every
    selector's buffer, (n, O) each."""

    data: FloatArray
    visits: FloatArray
    buffers: Mapping[str, FloatArray]
    dimensions: tuple[int, ...]  # the suite's distance dimensions

    def plane(self, selector: str) -> Plane:
        """The data, some of the visits and a selector's buffer, projected."""
        buffer = self.buffers[selector]
        visits = self.visits[:: self.step]
        return plane(States(selector, self.data, visits, buffer), self.dimensions)

    @property
    def step(self) -> int:
        """How many visits lie between two that are shown, plus one."""
        return ceil(len(self.visits) / SHOWN)

    def distances(self, selector: str) -> FloatArray:
        """From each visit to the selector's nearest buffer state, (V,)."""
        space = DataSpace.of(self.data, self.dimensions)
        return space.distances(self.visits, self.buffers[selector])


def scene_of(
    data: FloatArray,
    visits: FloatArray,
    chosen: pd.DataFrame,
    size: int,
    dimensions: tuple[int, ...],
) -> Scene:
    """The scene of one seed's buffers of one size.

    Args:
        data: observations (N, O).
        visits: observations (V, O) of the seed's policy.
        chosen: a line per chosen row of the data: `selector`, `size`, `row`.
        size: of the buffers.
        dimensions: the suite's distance dimensions.
    """
    of_size = chosen[chosen["size"] == size]
    buffers = {}
    for name, own in of_size.groupby("selector", sort=False):
        buffers[str(name)] = data[own["row"].to_numpy()]
    return Scene(data, visits, buffers, dimensions)


def judging_png(scene: Scene, selectors: Sequence[str]) -> bytes:
    """A panel per selector that has a buffer: the data, the policy's visits coloured by
    distance, the buffer.

    Args:
        scene: of one seed.
        selectors: in the order of the panels.
    """
    names = [name for name in selectors if name in scene.buffers]
    distances = {name: scene.distances(name) for name in names}
    ends = np.quantile(np.concatenate(list(distances.values())), (0.02, 0.98))
    columns = min(ACROSS, len(names))
    rows = ceil(len(names) / ACROSS)
    drawing, axes = canvas(1.2 + 3.6 * columns, 0.9 + 3.5 * rows, rows, columns)
    for spare in axes[len(names) :]:
        spare.set_axis_off()
    for place, name in zip(axes, names, strict=False):
        shown = scene.plane(name)
        dots = _draw(place, shown, distances[name][:: scene.step])
        dots.set_clim(*ends)
        mean = distances[name].mean()
        place.set_title(f"{name}: {mean:.2f} from visits to buffer", fontsize=10)
    meaning = "distance from a visited state to the nearest buffer state"
    drawing.colorbar(dots, ax=axes, label=meaning, shrink=0.8)
    drawing.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        markerscale=2,
    )
    variance = f"{100 * sum(shown.explained):.0f} % of its variance"
    title = f"Two principal components of the data ({variance})"
    drawing.suptitle(title, fontsize=12)
    return png_bytes(drawing)


def _draw(axes: Axes, shown: Plane, distance: FloatArray) -> PathCollection:
    """The dots of the visits, to be coloured on a common scale."""
    data = shown.layers["data"]
    visits = shown.layers["visits"]
    buffer = shown.layers["buffer"]
    axes.scatter(
        data[:, 0],
        data[:, 1],
        color=GREY,
        s=5,
        alpha=0.4,
        linewidths=0,
        label="data",
    )
    dots = axes.scatter(
        visits[:, 0],
        visits[:, 1],
        c=distance,
        cmap=COLOURS,
        s=10,
        linewidths=0,
        alpha=0.9,
        label="visited state",
    )
    axes.scatter(
        buffer[:, 0],
        buffer[:, 1],
        facecolors="none",
        edgecolors=PALETTE[2],
        s=22,
        linewidths=0.9,
        label="buffer",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(FRAME)
    return dots
