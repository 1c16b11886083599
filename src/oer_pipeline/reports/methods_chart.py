"""What each method of a study comes to: two panels per regime, a row per method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.reports.chart import Chart, Panel
from oer_pipeline.reports.interval_panel import Row, interval_panel
from oer_pipeline.reports.palette import colour

WIDTH = 9.0
ROW, AROUND = 0.3, 0.9
"""Inches of a panel per row, and around them."""


@dataclass(frozen=True)
class Measured:
    """A method in one regime.

    Attributes:
        regime, method: which.
        per: its estimate over task orders; None where it was never finished.
        plasticity: the same; None for a method that learns all tasks at once.
    """

    regime: str
    method: str
    per: Estimate | None
    plasticity: Estimate | None


def chart(found: Sequence[Measured]) -> Chart:
    """PER and plasticity: every task order, means and 95 % intervals; a method has one
    colour in all regimes.

    Args:
        found: at least one, the rows of a regime in their order.
    """
    by_regime: dict[str, list[Measured]] = {}
    for measured in found:
        by_regime.setdefault(measured.regime, []).append(measured)
    colours = {}
    for place, method in enumerate(sorted({measured.method for measured in found})):
        colours[method] = colour(place)
    panels = []
    for regime, rows in by_regime.items():
        panels += _panels(regime, rows, colours)
    most = max(len(rows) for rows in by_regime.values())
    height = 0.4 + (ROW * most + AROUND) * len(by_regime)
    title = "each task order, mean, 95 % interval"
    return Chart(title, panels, (WIDTH, height), columns=2)


def _panels(
    regime: str,
    found: Sequence[Measured],
    colours: dict[str, str],
) -> list[Panel]:
    per = []
    plasticity = []
    for measured in found:
        name = measured.method
        per.append(Row(name, measured.per, colours[name], label=name))
        plasticity.append(Row(name, measured.plasticity, colours[name]))
    return [
        interval_panel(f"{regime}\nPER", per, unit="order"),
        interval_panel("plasticity", plasticity, unit="order"),
    ]
