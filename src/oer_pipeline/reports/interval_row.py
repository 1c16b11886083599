"""A row of a figure: a mean, its interval, and below them every single value."""

from __future__ import annotations

from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.reports.chart import Series

BELOW = 0.22  # rows: values lie under their mean, so that neither hides the other


def interval_row(
    name: str,
    found: Estimate | None,
    row: int,
    colour: str,
    unit: str = "seed",
) -> list[Series]:
    """The layers of a row; none where there is nothing to draw.

    Args:
        name: of what was measured.
        found: its estimate; None where it is undefined.
        row: its place on the vertical axis.
        colour: of all that is drawn.
        unit: what each value is of.
    """
    if found is None:
        return []
    told = f"{name}: {found.mean:.1f}"
    layers = []
    if found.low is not None and found.high is not None:
        told += f" [{found.low:.1f}, {found.high:.1f}]"
        ends = (found.low, found.high)
        layers.append(
            Series(
                ends,
                (row, row),
                colour,
                line=3,
                hover=(told, told),
            )
        )
    layers.append(
        Series(
            [found.mean],
            [row],
            colour,
            marker=20,
            symbol="bar",
            hover=[told],
        )
    )
    values = Series(
        found.values,
        [row + BELOW] * found.seeds,
        colour,
        marker=8,
        opacity=0.6,
        hover=[f"{name}, one {unit}: {value:.1f}" for value in found.values],
    )
    return [*layers, values]
