"""How much of each task is forgotten by the end, all methods in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.continual import forgetting_by_task
from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.reports.cell_metrics import SHORT_UNITS, Cell, matrices, ranked
from oer_pipeline.reports.chart import Axis, Chart, Panel, Series, Symbol, ticks
from oer_pipeline.reports.method_colours import colours_of, is_dashed

SPREAD = 0.7
"""Of the methods of a task along the axis; tasks are 1 apart."""
MOST = (0.0, 100.0)
"""That of success a task can lose."""


def chart(cells: Sequence[Cell], in_scale: str) -> Chart | None:
    """Best ever minus at the end, for every task but the last: a mark per method, its
    interval and its seeds; None where nothing can be forgotten.

    Args:
        cells: metrics documents.
        in_scale: `success`, `normalised` or `raw`; all of them need to have it.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = ranked(cells)
    colours = colours_of(order)
    layers: list[Series] = []
    for place, cell in enumerate(order):
        losses_SN = np.array([forgetting_by_task(R) for R in matrices(cell, in_scale)])
        shift = SPREAD * ((place + 0.5) / len(order) - 0.5)
        name = cell["cell"]
        symbol: Symbol = "square" if is_dashed(place) else "circle"
        for task in range(losses_SN.shape[1]):
            own = losses_SN[:, task]
            if not np.isnan(own).any():
                found = _estimate(own, in_scale)
                layers += _mark(found, task + shift, name, colours[name], symbol)
    if not layers:
        return None
    tasks = list(order[0]["tasks"])[:-1]
    return Chart(
        "Forgotten by the end: best ever - at the end",
        [
            Panel(
                layers,
                Axis("task", ticks(tasks), (-0.5, len(tasks) - 0.5)),
                Axis(SHORT_UNITS[in_scale]),
            )
        ],
        (9.0, 3.4),
        legend="method",
    )


def _estimate(losses: FloatArray, in_scale: str) -> Estimate:
    values = [float(loss) for loss in losses]
    if in_scale == "success":
        return interval(values, possible=MOST)
    return interval(values)


def _mark(
    found: Estimate,
    x: float,
    method: str,
    colour: str,
    symbol: Symbol,
) -> list[Series]:
    told = f"{method}: {found.mean:.1f}"
    layers = []
    if found.low is not None and found.high is not None:
        told += f" [{found.low:.1f}, {found.high:.1f}]"
        ends = (found.low, found.high)
        layers.append(Series((x, x), ends, colour, method, in_legend=False, line=2))
    seeds = [f"{method}, one seed: {value:.1f}" for value in found.values]
    layers.append(
        Series(
            [x] * found.seeds,
            found.values,
            colour,
            method,
            marker=5,
            symbol=symbol,
            opacity=0.4,
            hover=seeds,
            in_legend=False,
        )
    )
    layers.append(
        Series(
            [x],
            [found.mean],
            colour,
            method,
            marker=11,
            symbol=symbol,
            hover=[told],
        )
    )
    return layers
