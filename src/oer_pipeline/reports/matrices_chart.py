"""The matrices R of all methods side by side, in the same colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.cell_metrics import (
    MEASURED,
    SHORT_UNITS,
    Cell,
    matrices,
    ranked,
)
from oer_pipeline.reports.chart import Axis, Chart, Heat, Panel, ticks
from oer_pipeline.reports.heatmap import colours_between, texts_of

ACROSS = 3
FEW_TASKS = 6
"""Beyond them two matrices fill a row."""


def chart(cells: Sequence[Cell], in_scale: str) -> Chart:
    """A panel per method by rank; rows: after learning task k, columns: task i, mean
    over seeds.

    Args:
        cells: metrics documents.
        in_scale: `success`, `normalised` or `raw`; all of them need to have it.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = ranked(cells)
    means = [matrices(cell, in_scale).mean(axis=0) for cell in order]
    limits = colours_between(np.concatenate(means), in_scale)
    panels = []
    for place, (cell, mean) in enumerate(zip(order, means, strict=True)):
        panels.append(_panel(cell, mean, in_scale, limits, with_scale=place == 0))
    tasks = len(order[0]["tasks"])
    columns = min(ACROSS if tasks <= FEW_TASKS else 2, len(order))
    rows = -(-len(order) // columns)
    return Chart(
        f"{MEASURED[in_scale]} on each task after learning each task",
        panels,
        (9.0, rows * (1.3 + 0.36 * tasks)),
        columns,
    )


def _panel(
    cell: Cell,
    mean: FloatArray,
    in_scale: str,
    limits: tuple[float, float],
    with_scale: bool,
) -> Panel:
    tasks = list(cell["tasks"])
    numbers = ticks([str(number) for number in range(1, len(tasks) + 1)])
    ends = (-0.5, len(tasks) - 0.5)
    heat = Heat(
        mean,
        limits,
        SHORT_UNITS[in_scale],
        texts_of(mean, tasks),
        with_scale=with_scale,
    )
    return Panel(
        [heat],
        x=Axis("on task", numbers, ends),
        y=Axis("after task", numbers, ends[::-1]),
        title=cell["cell"],
    )
