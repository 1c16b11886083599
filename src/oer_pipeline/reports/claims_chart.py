"""What a study found: a panel per claim, a row per regime, and zero, on whose right the
claim holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oer_pipeline.metrics.intervals import interval
from oer_pipeline.reports.chart import Chart, Panel, Series
from oer_pipeline.reports.interval_panel import Row, interval_panel
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
    rows = []
    for judged in found:
        estimate = interval(judged.differences)
        colour = COLOURS.get(judged.verdict, COLOURS["undecided"])
        label = f"{judged.regime}\n{judged.verdict}"
        rows.append(Row(judged.regime, estimate, colour, label))
    panel = interval_panel(claim, rows, unit="order", keep=(0.0,))
    zero = Series(
        (0.0, 0.0),
        (-0.5, len(rows) - 0.5),
        GREY,
        line=1.5,
        dashed=True,
    )
    return replace(panel, layers=[zero, *panel.layers])
