"""The picture of a study's claims: every order's difference, beside zero."""

from __future__ import annotations

from oer_pipeline.reports.chart import Series
from oer_pipeline.reports.claims_chart import COLOURS, Judged, chart

FOUND = [
    Judged("a keeps more", "here", (1.0, 2.0, 6.0), "supported"),
    Judged("b learns better", "here", (-1.0, 0.0, 1.0), "undecided"),
    Judged("a keeps more", "there", (-4.0, -5.0, -6.0), "refuted"),
]


def test_a_claim_has_a_panel_and_a_regime_a_row_with_its_verdict() -> None:
    drawn = chart(FOUND)
    assert [panel.title for panel in drawn.panels] == [
        "a keeps more",
        "b learns better",
    ]
    names = drawn.panels[0].y.names
    assert names == {0.0: "here\nsupported", 1.0: "there\nrefuted"}


def test_values_lie_beside_zero_in_the_verdicts_colour() -> None:
    first, _ = chart(FOUND).panels
    series = [layer for layer in first.layers if isinstance(layer, Series)]
    zero, *others = series
    assert list(zero.x) == [0.0, 0.0]
    values = [list(layer.x) for layer in others]
    assert [1.0, 2.0, 6.0] in values
    assert [3.0] in values
    assert [-4.0, -5.0, -6.0] in values
    assert {layer.colour for layer in others} == {
        COLOURS["supported"],
        COLOURS["refuted"],
    }
    low, high = first.x.limits or (0.0, 0.0)
    ends = [value for layer in series for value in layer.x]
    assert low < min(ends)
    assert max(ends) < high
