"""The picture of a study's methods: every order, mean and interval, by regime."""

from __future__ import annotations

from oer_pipeline.metrics.intervals import interval
from oer_pipeline.reports.chart import Series
from oer_pipeline.reports.methods_chart import Measured, chart

FOUND = [
    Measured("here", "oer", interval((70.0, 80.0)), interval((90.0, 92.0))),
    Measured("here", "multitask", interval((60.0, 61.0)), None),
    Measured("there", "er", interval((10.0, 30.0)), interval((40.0, 44.0))),
    Measured("there", "oer", None, None),
]


def series(panel: int) -> list[Series]:
    layers = chart(FOUND).panels[panel].layers
    return [layer for layer in layers if isinstance(layer, Series)]


def test_a_regime_has_its_methods_in_their_order_once_per_metric() -> None:
    panels = chart(FOUND).panels
    titles = [panel.title for panel in panels]
    assert titles == ["here\nPER", "plasticity", "there\nPER", "plasticity"]
    assert panels[0].y.names == {0.0: "oer", 1.0: "multitask"}
    assert panels[2].y.names == {0.0: "er", 1.0: "oer"}


def test_values_lie_in_their_methods_row_and_colour() -> None:
    found = {tuple(layer.x): layer for layer in series(0)}
    assert list(found[(70.0, 80.0)].y) == [0.22, 0.22]
    assert list(found[(75.0,)].y) == [0]
    assert list(found[(60.0, 61.0)].y) == [1.22, 1.22]
    assert found[(70.0, 80.0)].colour != found[(60.0, 61.0)].colour
    again = {tuple(layer.x): layer for layer in series(1)}
    assert again[(90.0, 92.0)].colour == found[(70.0, 80.0)].colour
    assert not [layer for layer in again.values() if min(layer.y) >= 1.0]


def test_what_is_not_known_is_not_drawn() -> None:
    assert {min(layer.y) for layer in series(2)} == {0, 0.22}
