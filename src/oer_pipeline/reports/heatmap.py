"""The matrix R as a heat map: what each task still returns after every task learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.cell_metrics import MEASURED, UNITS, Cell, matrices, scale
from oer_pipeline.reports.chart import Axis, Chart, Heat, Panel, ticks


def chart(
    metrics: Cell,
    *shown: str,
) -> Chart:
    """Rows: after learning task k; columns: task i; mean over seeds.

    A panel per scale that is `shown`; in the scale that leads if none is given.
    """
    names = shown or (scale([metrics]),)
    tasks = len(metrics["tasks"])
    width = 3.2 + 1.1 * tasks
    height = 1.7 + 0.75 * tasks
    return Chart(
        _title(metrics, names),
        [_panel(metrics, name) for name in names],
        (width, height * len(names)),
    )


def _panel(
    metrics: Cell,
    in_scale: str,
) -> Panel:
    tasks = list(metrics["tasks"])
    mean: FloatArray = matrices(metrics, in_scale).mean(axis=0)
    names = ticks(tasks)
    first = -0.5
    last = len(tasks) - 0.5
    heat = Heat(
        mean,
        colours_between(mean, in_scale),
        UNITS[in_scale],
        texts_of(mean, tasks),
    )
    return Panel(
        [heat],
        x=Axis(f"{MEASURED[in_scale]} on", names, (first, last)),
        y=Axis("after learning", names, (last, first)),
    )


def texts_of(
    mean: FloatArray,
    tasks: Sequence[str],
) -> list[list[str]]:
    """A text per place of the matrix."""
    texts = []
    for learned, row in zip(tasks, mean, strict=True):
        line = []
        for task, value in zip(tasks, row, strict=True):
            known = f"after {learned}: {value:.1f} on {task}"
            line.append("" if np.isnan(value) else known)
        texts.append(line)
    return texts


def _title(
    metrics: Cell,
    shown: Sequence[str],
) -> str:
    what = " and ".join(MEASURED[name] for name in shown)
    count = len(metrics["seeds"])
    seeds = "seed" if count == 1 else "seeds"
    cell = metrics["cell"]
    return f"{cell}: {what} after each task, mean of {count} {seeds}"


def colours_between(
    mean: FloatArray,
    in_scale: str,
) -> tuple[float, float]:
    """Colours of success and normalised returns span 0 to 100 at least, so that the
    maps of methods compare by eye."""
    low = float(np.nanmin(mean))
    high = float(np.nanmax(mean))
    if in_scale != "raw":
        low = min(low, 0.0)
        high = max(high, 100.0)
    if low == high:
        return low - 0.5, high + 0.5
    return low, high
