"""What the charts of a cell and of a comparison show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oer_pipeline.reports import (
    comparison_chart,
    forgetting_chart,
    heatmap,
    matrices_chart,
    profile_chart,
    returns,
    sequence_chart,
)
from oer_pipeline.reports.chart import Band, Chart, Heat, Series
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.palette import PALETTE

Make = Callable[..., dict[str, Any]]


def heat(chart: Chart) -> Heat:
    [layer] = chart.panels[0].layers
    assert isinstance(layer, Heat)
    return layer


def lines(chart: Chart, panel: int = 0) -> list[Series]:
    layers = list(chart.panels[panel].layers)
    assert all(isinstance(layer, Series) for layer in layers)
    return layers  # type: ignore[return-value]


def test_heatmap_holds_the_mean_of_seeds_normalised(cell: Make) -> None:
    shown = heat(heatmap.chart(cell()))
    np.testing.assert_allclose(shown.values, [[89, np.nan], [79, 90]])
    assert shown.limits == (0, 100)
    first, second = shown.hover
    assert first == ["after run: 89.0 on run", ""]
    assert second == ["after back: 79.0 on run", "after back: 90.0 on back"]
    assert heat(heatmap.chart(cell(references=None))).values[0, 0] == pytest.approx(-22)


def test_rows_of_the_heatmap_run_down_and_bear_the_tasks_names(cell: Make) -> None:
    panel = heatmap.chart(cell()).panels[0]
    assert panel.x.names == panel.y.names == {0.0: "run", 1.0: "back"}
    assert panel.y.limits == (1.5, -0.5)
    assert panel.x.limits == (-0.5, 1.5)


def test_returns_draw_each_task_from_when_it_was_learned(cell: Make) -> None:
    shown = lines(returns.chart(cell()))
    assert len(shown) == 2 * (3 + 1)
    means = {line.name: list(line.y) for line in shown if line.in_legend}
    assert means == {"run": pytest.approx([89, 79]), "back": pytest.approx([90])}
    assert [list(line.x) for line in shown if line.name == "back"] == [[1.0]] * 4
    assert shown[0].hover == [
        "run, seed 0: 90.0 after run",
        "run, seed 0: 80.0 after back",
    ]


def test_comparison_draws_no_interval_for_two_seeds(cell: Make) -> None:
    chart = comparison_chart.chart([cell("two", 0.0, seeds=2), cell("three", 20.0)])
    rows = {0: "three", 1: "two"}
    assert chart.panels[0].y.names == rows
    drawn = {row: [s for s in lines(chart) if s.y[0] // 1 == row] for row in rows}
    assert [len(series.x) for series in drawn[0]] == [2, 1, 3]  # interval first
    assert [len(series.x) for series in drawn[1]] == [1, 2]  # mean, seeds
    low, high = drawn[0][0].x
    assert low <= drawn[0][1].x[0] <= high
    assert drawn[0][0].hover[0] == "three: 84.5 [83.3, 85.7]"


def test_comparison_leaves_out_what_is_undefined(cell: Make) -> None:
    single = cell(tasks=["run"], matrices={0: np.array([[-20.0]])}, fidelity=None)
    chart = comparison_chart.chart([single])
    assert [len(panel.layers) for panel in chart.panels] == [2, 0]  # no forgetting
    assert png(chart).startswith(b"\x89PNG")


def test_one_task_and_a_constant_matrix_can_be_drawn(cell: Make) -> None:
    single = cell(
        tasks=["run"], matrices={0: np.array([[-20.0]])}, references=None, fidelity=None
    )
    for chart in (heatmap.chart(single), returns.chart(single)):
        assert png(chart).startswith(b"\x89PNG")


def test_only_the_last_row_can_be_drawn(cell: Make) -> None:
    multitask = cell(
        matrices={0: np.array([[np.nan, np.nan], [-20.0, -10.0]])}, fidelity=None
    )
    assert np.isnan(heat(heatmap.chart(multitask)).values[0]).all()
    assert png(returns.chart(multitask)).startswith(b"\x89PNG")
    compared = comparison_chart.chart([multitask, cell("er")])
    assert png(compared).startswith(b"\x89PNG")


def test_figures_lead_with_success_and_can_show_returns(solving: Make) -> None:
    cell = solving()
    success = heatmap.chart(cell)
    np.testing.assert_allclose(heat(success).values, [[91, np.nan], [61, 90]])
    assert heat(success).label == "success (% of episodes)"
    normalised = heat(heatmap.chart(cell, "normalised"))
    assert normalised.values[1, 0] == pytest.approx(79)
    curves = returns.chart(cell)
    assert curves.panels[0].y.label == "success (% of episodes)"
    runs = [line for line in lines(curves) if line.name == "run" and line.in_legend]
    assert [list(line.y) for line in runs] == [pytest.approx([91, 61])]
    assert returns.chart(cell, "raw").panels[0].y.label == "undiscounted return"


def test_several_scales_are_panels_in_a_column(solving: Make) -> None:
    for make in (heatmap.chart, returns.chart):
        both = make(solving(), "success", "raw")
        alone = make(solving(), "success")
        assert (both.rows, both.columns, alone.rows) == (2, 1, 1)
        assert both.size[1] == 2 * alone.size[1]
        labels = [panel.x.label + panel.y.label for panel in both.panels]
        assert len(set(labels)) == 2
        assert "success and return" in both.title


def test_a_comparison_is_drawn_in_success(solving: Make) -> None:
    cells = [solving("er", 20.0), solving("oer", 80.0, lost=160.0)]
    chart = comparison_chart.chart(cells)
    assert [panel.title for panel in chart.panels] == [
        "PER (higher is better), success (%)",
        "forgetting (lower is better), success (%)",
    ]
    assert chart.panels[0].y.names == {0.0: "oer", 1.0: "er"}
    assert chart.panels[1].y.names == {0.0: "", 1.0: ""}
    means = [series.x[0] for series in lines(chart) if series.symbol == "bar"]
    assert means[0] == pytest.approx(85.5)


# All methods in one figure ------------------------------------------------------------


def test_no_interval_touches_the_edge_of_its_panel(cell: Make) -> None:
    for panel in comparison_chart.chart([cell(), cell("er", 90.0)]).panels:
        assert panel.x.limits is not None
        low, high = panel.x.limits
        drawn = np.concatenate([np.ravel(layer.x) for layer in panel.layers])  # type: ignore[union-attr]
        room = 0.04 * (high - low)
        assert low + room < drawn.min()
        assert drawn.max() < high - room


def test_a_method_has_one_colour_everywhere(cell: Make) -> None:
    cells = [cell("er", 90.0), cell()]
    charts = [
        comparison_chart.chart(cells),
        sequence_chart.chart(cells, "normalised"),
        forgetting_chart.chart(cells, "normalised"),
        profile_chart.chart(cells, "normalised"),
    ]
    for chart in charts:
        assert chart is not None
        first = chart.panels[0].layers[0]
        colours = {layer.colour for p in chart.panels for layer in p.layers}  # type: ignore[union-attr]
        assert colours == {PALETTE[0], PALETTE[1]}
        assert first.colour == PALETTE[0]  # type: ignore[union-attr]
        assert png(chart).startswith(b"\x89PNG")


def test_matrices_share_their_colours_and_one_scale(cell: Make) -> None:
    chart = matrices_chart.chart([cell("er", 90.0), cell()], "raw")
    heats = [panel.layers[0] for panel in chart.panels]
    assert [panel.title for panel in chart.panels] == ["oer", "er"]
    assert [h.limits for h in heats if isinstance(h, Heat)] == [(-112.0, -10.0)] * 2
    assert [h.with_scale for h in heats if isinstance(h, Heat)] == [True, False]


def test_the_sequence_has_a_mean_and_every_task(cell: Make) -> None:
    chart = sequence_chart.chart([cell()], "normalised")
    titles = [panel.title for panel in chart.panels]
    assert titles == ["mean of the tasks learned so far", "on run", "on back"]
    means = [
        next(line for line in lines(chart, number) if line.in_legend)
        for number in range(3)
    ]
    np.testing.assert_allclose(means[0].y, [89, 84.5])
    np.testing.assert_allclose(means[1].y, [89, 79])
    np.testing.assert_allclose(means[2].y, [np.nan, 90])


def test_many_methods_are_lines_without_seeds_some_of_them_dashed(cell: Make) -> None:
    cells = [cell(f"m{n}", 5.0 * n) for n in range(10)]
    chart = sequence_chart.chart(cells, "normalised")
    assert len(chart.panels[0].layers) == 10
    dashed = [line.name for line in lines(chart) if line.dashed]
    assert dashed == ["m8", "m9"]
    assert len(profile_chart.chart(cells, "normalised").panels[0].layers) == 10


def test_forgetting_is_shown_for_each_task_but_the_last(cell: Make) -> None:
    chart = forgetting_chart.chart([cell("er", 60.0), cell()], "normalised")
    assert chart is not None
    assert chart.panels[0].x.names == {0.0: "run"}
    marks = {line.name: line.y[0] for line in lines(chart) if line.marker == 11}
    assert marks == {"oer": pytest.approx(10), "er": pytest.approx(30)}
    multitask = cell(matrices={0: np.array([[np.nan, np.nan], [-20.0, -10.0]])})
    assert forgetting_chart.chart([multitask], "raw") is None


def test_no_two_of_sixteen_methods_look_alike_in_forgetting(cell: Make) -> None:
    cells = [cell(f"m{n}", 5.0 * n) for n in range(2 * len(PALETTE))]
    chart = forgetting_chart.chart(cells, "normalised")
    assert chart is not None
    shown = [line for line in lines(chart) if line.in_legend]
    assert [line.symbol for line in shown] == ["circle"] * 8 + ["square"] * 8
    assert len({(line.colour, line.symbol) for line in shown}) == len(cells)
    for line in lines(chart):
        of_method = [mark for mark in shown if mark.name == line.name]
        assert not line.marker or line.symbol == of_method[0].symbol


def test_profiles_fall_from_all_runs_to_none(cell: Make) -> None:
    [panel] = profile_chart.chart([cell()], "normalised").panels
    band, line = panel.layers
    assert isinstance(band, Band)
    assert isinstance(line, Series)
    assert (line.y[0], line.y[-1]) == (1.0, 0.0)
    assert line.hover[0].startswith("oer: 100% of runs above ")
