"""A panel of rows: in each a mean, its interval, and below them every single value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.reports.chart import Axis, Panel, Series, ticks, with_room

BELOW = 0.22  # rows: values lie under their mean, so that neither hides the other


@dataclass(frozen=True)
class Row:
    """A row of a panel.

    Attributes:
        name: of what was measured.
        found: its estimate; None where it is undefined.
        colour: of all that is drawn.
        label: beside the row.
    """

    name: str
    found: Estimate | None
    colour: str
    label: str = ""


def interval_panel(
    title: str,
    rows: Sequence[Row],
    unit: str = "seed",
    keep: Sequence[float] = (),
) -> Panel:
    """The rows from top to bottom; none touches the panel's sides.

    Args:
        title: above it.
        rows: at least one; nothing is drawn in an undefined one.
        unit: what each value is of.
        keep: values that the axis shows whatever is drawn.
    """
    layers: list[Series] = []
    for place, row in enumerate(rows):
        if row.found is not None:
            layers += _layers(row, row.found, place, unit)
    values = list(keep)
    for layer in layers:
        values += list(layer.x)
    labels = [row.label for row in rows]
    return Panel(
        layers,
        x=Axis(limits=with_room(values)),
        y=Axis(names=ticks(labels), limits=(len(rows) - 0.5, -0.5)),
        title=title,
    )


def _layers(
    row: Row,
    found: Estimate,
    place: int,
    unit: str,
) -> list[Series]:
    told = f"{row.name}: {found.mean:.1f}"
    layers = []
    if found.low is not None and found.high is not None:
        told += f" [{found.low:.1f}, {found.high:.1f}]"
        ends = (found.low, found.high)
        layers.append(
            Series(
                ends,
                (place, place),
                row.colour,
                line=3,
                hover=(told, told),
            )
        )
    layers.append(
        Series(
            [found.mean],
            [place],
            row.colour,
            marker=20,
            symbol="bar",
            hover=[told],
        )
    )
    values = Series(
        found.values,
        [place + BELOW] * found.seeds,
        row.colour,
        marker=8,
        opacity=0.6,
        hover=[f"{row.name}, one {unit}: {value:.1f}" for value in found.values],
    )
    return [*layers, values]
