"""The plane that data, visits and buffer are shown on."""

from __future__ import annotations

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.reports.chart import Series
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.projection import SHOWN, States, chart, plane


def tasks() -> list[States]:
    generator = np.random.default_rng(0)
    data = (generator.normal(size=(SHOWN + 500, 4)) * [1, 50, 1, 0]).astype(np.float32)
    return [
        States("run", data, data[:40] + 1, data[:20]),
        States("back", data, data[:40]),
    ]


def test_projection_finds_the_plane_that_holds_the_data() -> None:
    generator = np.random.default_rng(1)
    inside = generator.normal(size=(SHOWN, 2))
    constant = np.full(SHOWN, 7.0)
    data = np.column_stack([inside[:, 0], inside[:, 0], inside[:, 1] * 1e3, constant])
    found = plane(States("t", data, data[:5], data[3:4]))
    assert found.explained == pytest.approx((2 / 3, 1 / 3), abs=0.01)
    assert "67 %" in found.axis(0)
    correlation = np.corrcoef(found.layers["data"][:, 0], inside[:, 0])[0, 1]
    assert correlation == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(found.layers["visits"], found.layers["data"][:5])
    np.testing.assert_array_equal(found.layers["buffer"], found.layers["data"][3:4])


def test_projection_keeps_two_thousand_fixed_rows_and_the_given_dimensions() -> None:
    states = tasks()[0]
    shown = plane(states, dimensions=(0, 1)).layers
    assert shown["data"].shape == (SHOWN, 2)
    again = plane(states, (0, 1)).layers
    np.testing.assert_array_equal(shown["data"], again["data"])
    beside = states.visits + np.float32([0, 0, 9, 9])
    moved = plane(States("run", states.data, beside, states.buffer), (0, 1)).layers
    np.testing.assert_array_equal(shown["visits"], moved["visits"])


def test_projection_draws_a_panel_per_task_and_every_layer() -> None:
    drawn = chart(tasks())
    assert [panel.title for panel in drawn.panels] == ["run", "back"]
    names = []
    for panel in drawn.panels:
        names.append([s.name for s in panel.layers if isinstance(s, Series)])
    assert names == [["data", "visits", "buffer"], ["data", "visits"]]
    assert "% of variance" in drawn.panels[0].x.label
    assert (drawn.rows, drawn.columns) == (1, 2)
    assert png(drawn) == png(chart(tasks()))


def test_projection_needs_two_dimensions_that_vary() -> None:
    data = np.column_stack([np.arange(10.0), np.ones(10)])
    with pytest.raises(DataError, match="projection of t: fewer than two"):
        plane(States("t", data, data))
    with pytest.raises(DataError, match="fewer than two"):
        plane(States("t", data, data), dimensions=(0,))
