"""Success and return on each task over the sequence, every seed visible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.cell_metrics import MEASURED, UNITS, Cell, matrices, scale
from oer_pipeline.reports.chart import Axis, Chart, Panel, Series, ticks
from oer_pipeline.reports.palette import colour


def chart(metrics: Cell, *shown: str) -> Chart:
    """A line per task from when it was learned to the end: the mean bold, each seed
    thin behind it.

    A panel per scale that is `shown`; in the scale that leads if none is given.
    """
    names = shown or (scale([metrics]),)
    tasks = len(metrics["tasks"])
    return Chart(
        _title(metrics, names),
        [_panel(metrics, name) for name in names],
        (max(7.0, 3.0 + 1.2 * tasks), 4.2 * len(names)),
        legend=f"{MEASURED[names[0]]} on" if len(names) == 1 else "on",
    )


def _panel(metrics: Cell, in_scale: str) -> Panel:
    returns = matrices(metrics, in_scale)
    tasks = list(metrics["tasks"])
    layers = []
    for number in range(len(tasks)):
        own = returns[:, number:, number]
        for seed, line in zip(metrics["seeds"], own, strict=True):
            layers.append(_line(line, tasks, number, f"seed {seed}"))
        layers.append(_line(own.mean(axis=0), tasks, number, "mean"))
    return Panel(
        layers,
        Axis("after learning", ticks(tasks)),
        Axis(UNITS[in_scale]),
    )


def _line(
    values: FloatArray,
    tasks: Sequence[str],
    number: int,
    whose: str,
) -> Series:
    """A task's values (N - number,) after learning it and each later one."""
    bold = whose == "mean"
    task = tasks[number]
    hover = []
    for learned, value in zip(tasks[number:], values, strict=True):
        hover.append(f"{task}, {whose}: {value:.1f} after {learned}")
    return Series(
        np.arange(number, len(tasks), dtype=np.float64),
        values,
        colour(number),
        task,
        in_legend=bold,
        line=3 if bold else 1,
        marker=9 if bold else 5,
        opacity=1.0 if bold else 0.4,
        hover=hover,
    )


def _title(metrics: Cell, shown: Sequence[str]) -> str:
    count = len(metrics["seeds"])
    what = " and ".join(MEASURED[name] for name in shown)
    seeds = "seed" if count == 1 else "seeds"
    return (
        f"{metrics['cell']}: {what} per task over the sequence (bold: mean, thin:"
        f" {count} {seeds})"
    )
