"""The matrix R as a heat map: what each task still returns after every task learned."""

from __future__ import annotations

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.cell_metrics import MEASURED, UNITS, Cell, matrices, scale
from oer_pipeline.reports.chart import Axis, Chart, Heat, Panel, ticks


def chart(metrics: Cell, *shown: str) -> Chart:
    """Rows: after learning task k; columns: task i; mean over seeds.

    A panel per scale that is `shown`; in the scale that leads if none is given.
    """
    names = shown or (scale([metrics]),)
    tasks = len(metrics["tasks"])
    return Chart(
        _title(metrics, names),
        [_panel(metrics, name) for name in names],
        (3.2 + 1.1 * tasks, len(names) * (1.7 + 0.75 * tasks)),
    )


def _panel(metrics: Cell, in_scale: str) -> Panel:
    mean: FloatArray = np.asarray(matrices(metrics, in_scale).mean(axis=0))
    tasks = list(metrics["tasks"])
    hover = []
    for learned, row in zip(tasks, mean, strict=True):
        texts = []
        for task, value in zip(tasks, row, strict=True):
            text = f"after {learned}: {value:.1f} on {task}"
            texts.append("" if np.isnan(value) else text)
        hover.append(texts)
    names = ticks(tasks)
    limits = (-0.5, len(tasks) - 0.5)
    return Panel(
        [Heat(mean, _colours(mean, in_scale), UNITS[in_scale], hover)],
        Axis(f"{MEASURED[in_scale]} on", names, limits),
        Axis("after learning", names, limits[::-1]),
    )


def _title(metrics: Cell, shown: tuple[str, ...]) -> str:
    count = len(metrics["seeds"])
    what = " and ".join(MEASURED[name] for name in shown)
    seeds = "seed" if count == 1 else "seeds"
    return f"{metrics['cell']}: {what} after each task, mean of {count} {seeds}"


def _colours(mean: FloatArray, in_scale: str) -> tuple[float, float]:
    """Colours of success and normalised returns span 0 to 100 at least, so that the
    maps of methods compare by eye."""
    low = float(np.nanmin(mean))
    high = float(np.nanmax(mean))
    if in_scale != "raw":
        return min(low, 0.0), max(high, 100.0)
    if low == high:
        return low - 0.5, high + 0.5
    return low, high
