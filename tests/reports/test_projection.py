"""The plane that data, visits and buffer are shown on."""

from __future__ import annotations

import numpy as np
import pytest

from oer_pipeline.common.standardisation import EPSILON
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


def test_where_one_dimension_varies_the_second_axis_is_zeros() -> None:
    rows = np.arange(10.0)
    data = np.column_stack([rows, np.ones(10)])
    states = States("t", data, data[:5], data[3:4])
    for dimensions in (None, (0,)):
        found = plane(states, dimensions)
        assert found.explained == (1.0, 0.0)
        expected = (rows - rows.mean()) / (rows.std() + EPSILON)
        np.testing.assert_allclose(found.layers["data"][:, 0], expected, rtol=1e-5)
        assert not found.layers["data"][:, 1].any()
        np.testing.assert_array_equal(found.layers["visits"], found.layers["data"][:5])
    drawn = chart([States("t", data[:, :1], data[:5, :1])], [0])
    assert drawn.panels[0].y.label == "component 2 (0 % of variance)"
    assert png(drawn).startswith(b"\x89PNG")


@pytest.mark.parametrize("rows", [1, 10])
def test_where_nothing_varies_all_lie_in_one_place(rows: int) -> None:
    data = np.ones((rows, 2))
    states = States("t", data, data + 5.0, data)
    found = plane(states)
    assert found.explained == (0.0, 0.0)
    for points in found.layers.values():
        np.testing.assert_array_equal(points, np.zeros((rows, 2)))
    assert png(chart([states])).startswith(b"\x89PNG")
