"""Figures: what they show, and that equal data give equal bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.reports import comparison, heatmap, projection, returns
from oer_pipeline.reports.projection import SHOWN, Panel, plane

Make = Callable[..., dict[str, Any]]


def panels() -> list[Panel]:
    generator = np.random.default_rng(0)
    data = (generator.normal(size=(SHOWN + 500, 4)) * [1, 50, 1, 0]).astype(np.float32)
    return [
        Panel("run", data, data[:40] + 1, data[:20]),
        Panel("back", data, data[:40]),
    ]


def drawings(cell: Make) -> dict[str, Callable[[], bytes]]:
    cells = [cell("finetune", 160.0), cell("oer", seeds=2)]
    return {
        "heatmap": lambda: heatmap.png(cells[0]),
        "returns": lambda: returns.png(cells[0]),
        "comparison": lambda: comparison.png(cells),
        "projection": lambda: projection.png(panels()),
    }


@pytest.mark.parametrize("name", ["heatmap", "returns", "comparison", "projection"])
def test_png_bytes_are_reproducible(cell: Make, name: str) -> None:
    draw = drawings(cell)[name]
    first = draw()
    assert first.startswith(b"\x89PNG\r\n\x1a\n")
    assert first == draw()
    assert b"tEXt" not in first  # neither dates nor versions
    assert min(struct.unpack(">II", first[16:24])) > 250


def test_png_shows_the_numbers(cell: Make) -> None:
    assert heatmap.png(cell()) != heatmap.png(cell(lost=30.0))
    assert returns.png(cell()) != returns.png(cell(lost=30.0))


def test_heatmap_holds_the_mean_of_seeds_normalised(cell: Make) -> None:
    (heat,) = heatmap.figure(cell()).data
    assert list(heat.z[0]) == [pytest.approx(89), None]
    assert list(heat.z[1]) == pytest.approx([79, 90])
    assert (heat.zmin, heat.zmax) == (0, 100)
    (raw,) = heatmap.figure(cell(references=None)).data
    assert raw.z[0][0] == pytest.approx(-22)


def test_returns_draw_each_task_from_when_it_was_learned(cell: Make) -> None:
    lines = returns.figure(cell()).data
    assert len(lines) == 2 * (3 + 1)
    means = {line.name: list(line.y) for line in lines if line.name}
    assert means == {"run": pytest.approx([89, 79]), "back": pytest.approx([90])}
    assert [list(line.x) for line in lines if line.name == "back"] == [["back"]]


def test_comparison_draws_no_interval_for_two_seeds(cell: Make) -> None:
    traces = comparison.figure([cell("three", 20.0), cell("two", 0.0, seeds=2)]).data
    bars = {trace.name: trace.error_x.array for trace in traces if len(trace.x) == 1}
    assert bars["two"] is None
    assert bars["three"][0] >= 0
    assert sorted(len(trace.x) for trace in traces if trace.name == "two") == [
        1,
        1,
        2,
        2,
    ]


def test_comparison_leaves_out_what_is_undefined(cell: Make) -> None:
    single = cell(tasks=["run"], matrices={0: np.array([[-20.0]])}, fidelity=None)
    assert (
        len(comparison.figure([single]).data) == 2
    )  # PER's mean and seed, no forgetting
    assert comparison.png([single]).startswith(b"\x89PNG")


def test_one_task_and_a_constant_matrix_can_be_drawn(cell: Make) -> None:
    single = cell(
        tasks=["run"], matrices={0: np.array([[-20.0]])}, references=None, fidelity=None
    )
    for draw in (heatmap.png, returns.png):
        assert draw(single).startswith(b"\x89PNG")


def test_only_the_last_row_can_be_drawn(cell: Make) -> None:
    multitask = cell(
        matrices={0: np.array([[np.nan, np.nan], [-20.0, -10.0]])}, fidelity=None
    )
    assert list(heatmap.figure(multitask).data[0].z[0]) == [None, None]
    assert returns.png(multitask).startswith(b"\x89PNG")
    assert comparison.png([multitask, cell("er")]).startswith(b"\x89PNG")


def test_projection_finds_the_plane_that_holds_the_data() -> None:
    generator = np.random.default_rng(1)
    inside = generator.normal(size=(SHOWN, 2))
    data = np.column_stack(
        [inside[:, 0], inside[:, 0], inside[:, 1] * 1e3, np.full(SHOWN, 7.0)]
    )
    found = plane(Panel("t", data, data[:5], data[3:4]))
    assert found.explained == (
        pytest.approx(2 / 3, abs=0.01),
        pytest.approx(1 / 3, abs=0.01),
    )
    assert "67 %" in found.axis(0)
    assert np.corrcoef(found.layers["data"][:, 0], inside[:, 0])[0, 1] == pytest.approx(
        1, abs=1e-3
    )
    np.testing.assert_array_equal(found.layers["visits"], found.layers["data"][:5])
    np.testing.assert_array_equal(found.layers["buffer"], found.layers["data"][3:4])


def test_projection_keeps_two_thousand_fixed_rows_and_the_given_dimensions() -> None:
    panel = panels()[0]
    shown = plane(panel, dimensions=(0, 1))
    assert shown.layers["data"].shape == (SHOWN, 2)
    np.testing.assert_array_equal(
        shown.layers["data"], plane(panel, (0, 1)).layers["data"]
    )
    moved = Panel(
        "run", panel.data, panel.visits + np.float32([0, 0, 9, 9]), panel.buffer
    )
    np.testing.assert_array_equal(
        shown.layers["visits"], plane(moved, (0, 1)).layers["visits"]
    )


def test_projection_draws_a_panel_a_task_and_one_legend() -> None:
    figure = projection.figure(panels())
    assert [note.text for note in figure.layout.annotations] == ["run", "back"]
    assert [(t.name, t.xaxis) for t in figure.data] == [
        ("data", "x"),
        ("visits", "x"),
        ("buffer", "x"),
        ("data", "x2"),
        ("visits", "x2"),
    ]
    assert [t.name for t in figure.data if t.showlegend] == ["data", "visits", "buffer"]
    assert "% of variance" in figure.layout.xaxis.title.text


def test_projection_needs_two_dimensions_that_vary() -> None:
    data = np.column_stack([np.arange(10.0), np.ones(10)])
    with pytest.raises(DataError, match="projection of t: fewer than two"):
        plane(Panel("t", data, data))
    with pytest.raises(DataError, match="fewer than two"):
        plane(Panel("t", data, data), dimensions=(0,))


def test_figures_lead_with_success_and_can_show_returns(solving: Make) -> None:
    cell = solving()
    (heat,) = heatmap.figure(cell).data
    assert list(heat.z[0]) == [pytest.approx(91), None]
    assert list(heat.z[1]) == pytest.approx([61, 90])
    assert (heat.zmin, heat.zmax) == (0, 100)
    assert heat.colorbar.title.text == "success (%)"
    assert heatmap.figure(cell).layout.xaxis.title.text == "success on"
    assert heatmap.figure(cell, "normalised").data[0].z[0][0] == pytest.approx(89)
    curves = returns.figure(cell)
    assert curves.layout.yaxis.title.text == "success (% of episodes)"
    assert [list(line.y) for line in curves.data if line.name == "run"] == [
        pytest.approx([91, 61])
    ]
    assert returns.figure(cell, "raw").layout.yaxis.title.text == "undiscounted return"


def test_pictures_show_success_above_returns(solving: Make) -> None:
    for draw in (heatmap.png, returns.png):
        both, alone = draw(solving()), draw(solving(success=None))
        heights = [struct.unpack(">II", picture[16:24])[1] for picture in (both, alone)]
        assert heights[0] == 2 * heights[1]
        assert both == draw(solving())
        assert both != draw(solving(kept=50.0))


def test_a_comparison_is_drawn_in_success(solving: Make) -> None:
    cells = [solving("er", 20.0), solving("oer", 80.0, lost=160.0)]
    plot = comparison.figure(cells)
    assert [note.text for note in plot.layout.annotations] == [
        "PER (higher is better), success (%)",
        "forgetting (lower is better), success (%)",
    ]
    assert list(plot.layout.yaxis.ticktext) == ["oer", "er"]
    assert next(
        trace.x[0] for trace in plot.data if trace.name == "oer"
    ) == pytest.approx(85.5)
