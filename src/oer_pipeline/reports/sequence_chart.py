"""What each task returns over the whole sequence, all methods in one picture."""

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
from oer_pipeline.reports.chart import Axis, Chart, Panel, Series, ticks
from oer_pipeline.reports.method_colours import colours_of, is_dashed

FEW_TASKS = 3
"""Up to which two panels fill a row; beyond it three."""
FEW = 6
"""Methods up to which each seed is shown, too."""
SO_FAR = "mean of the tasks learned so far"


def chart(cells: Sequence[Cell], in_scale: str) -> Chart:
    """A panel for the mean over the tasks learned so far and one per task, from when it
    was learned to the end; a line per method, seeds thin behind it.

    Args:
        cells: metrics documents.
        in_scale: `success`, `normalised` or `raw`; all of them need to have it.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = ranked(cells)
    tasks = list(order[0]["tasks"])
    found = [matrices(cell, in_scale) for cell in order]
    values = {SO_FAR: [_so_far(R_SNN) for R_SNN in found]}
    for number, task in enumerate(tasks):
        values[f"on {task}"] = [_on_task(R_SNN, number) for R_SNN in found]
    panels = []
    for title, by_method in values.items():
        panels.append(_panel(order, by_method, tasks, SHORT_UNITS[in_scale], title))
    columns = 2 if len(tasks) <= FEW_TASKS else 3
    rows = -(-len(panels) // columns)
    thin = "; each seed thin" if len(order) <= FEW else ""
    return Chart(
        f"{MEASURED[in_scale]} by tasks learned; mean over seeds bold{thin}",
        panels,
        (9.0, 2.9 * rows),
        columns,
        legend="method",
    )


def _so_far(R_SNN: FloatArray) -> FloatArray:
    """The mean of R[k, i] over i <= k, for each seed and k, (S, N); NaN where row k is
    missing."""
    tasks = R_SNN.shape[-1]
    found = np.full(R_SNN.shape[:2], np.nan)
    for learned in range(tasks):
        found[:, learned] = R_SNN[:, learned, : learned + 1].mean(axis=-1)
    return found


def _on_task(R_SNN: FloatArray, number: int) -> FloatArray:
    """A task's column, (S, N); NaN before it was learned."""
    column = np.array(R_SNN[:, :, number])
    column[:, :number] = np.nan
    return column


def _panel(
    order: Sequence[Cell],
    by_method: Sequence[FloatArray],
    tasks: Sequence[str],
    unit: str,
    title: str,
) -> Panel:
    colours = colours_of(order)
    layers = []
    for place, (cell, values_SN) in enumerate(zip(order, by_method, strict=True)):
        name = cell["cell"]
        lines = {"mean": values_SN.mean(axis=0)}
        if len(order) <= FEW:
            for seed, own in zip(cell["seeds"], values_SN, strict=True):
                lines[f"seed {seed}"] = own
        for whose, line in reversed(lines.items()):
            layers.append(_line(line, name, colours[name], whose, is_dashed(place)))
    names = ticks([str(number) for number in range(1, len(tasks) + 1)])
    ends = (-0.3, len(tasks) - 0.7)
    return Panel(layers, Axis("tasks learned", names, ends), Axis(unit), title)


def _line(
    values: FloatArray,
    method: str,
    colour: str,
    whose: str,
    dashed: bool,
) -> Series:
    bold = whose == "mean"
    hover = []
    for learned, value in enumerate(values, start=1):
        hover.append(f"{method}, {whose}: {value:.1f} after {learned}")
    return Series(
        np.arange(len(values), dtype=np.float64),
        values,
        colour,
        method,
        in_legend=bold,
        line=2.5 if bold else 1,
        dashed=dashed,
        marker=8 if bold else 4,
        opacity=1.0 if bold else 0.3,
        hover=hover,
    )
