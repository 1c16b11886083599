"""What a study found: a panel per claim, a row per regime, and zero, on whose right the
claim holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oer_pipeline.metrics.intervals import interval
from oer_pipeline.reports.chart import Axis, Chart, Panel, Series, ticks, with_room
from oer_pipeline.reports.interval_row import interval_row
from oer_pipeline.reports.palette import GREY, PALETTE

COLOURS = {"supported": PALETTE[2], "refuted": PALETTE[1], "undecided": PALETTE[7]}
"""Of verdicts; other words are drawn as undecided ones are."""
WIDTH = 9.0
ROW, AROUND = 0.5, 0.9
"""Inches of a panel per row, and around them."""


@dataclass(frozen=True)
class Judged:
    """A claim in one regime.

    Attributes:
        claim, regime: which.
        differences: by which the claim's method is ahead, one per task order.
        verdict: supported, refuted, undecided, or why it is none of them.
    """

    claim: str
    regime: str
    differences: tuple[float, ...]
    verdict: str


def chart(found: Sequence[Judged]) -> Chart:
    """Means with 95 % intervals and every order's difference; colours are verdicts.

    Args:
        found: at least one.
    """
    by_claim: dict[str, list[Judged]] = {}
    for judged in found:
        by_claim.setdefault(judged.claim, []).append(judged)
    panels = []
    for claim, judged_of_claim in by_claim.items():
        panels.append(_panel(claim, judged_of_claim))
    height = ROW * len(found) + AROUND * len(panels) + 0.4
    title = "by how much the claim's method is ahead: each order, mean, 95 % interval"
    return Chart(title, panels, (WIDTH, height))


def _panel(claim: str, found: Sequence[Judged]) -> Panel:
    layers: list[Series] = []
    names = []
    for row, judged in enumerate(found):
        names.append(f"{judged.regime}\n{judged.verdict}")
        colour = COLOURS.get(judged.verdict, COLOURS["undecided"])
        estimate = interval(judged.differences)
        layers += interval_row(
            judged.regime,
            estimate,
            row,
            colour,
            unit="order",
        )
    values = [0.0]
    for layer in layers:
        values += list(layer.x)
    bottom = len(found) - 0.5
    zero = Series((0.0, 0.0), (-0.5, bottom), GREY, line=1.5, dashed=True)
    return Panel(
        [zero, *layers],
        x=Axis(limits=with_room(values)),
        y=Axis(names=ticks(names), limits=(bottom, -0.5)),
        title=claim,
    )
