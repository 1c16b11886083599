"""A chart is the same figure on a page and in a file, and equal charts give equal
bytes."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image

from oer_pipeline.reports.chart import (
    Axis,
    Band,
    Chart,
    Heat,
    Histogram,
    Panel,
    Series,
    bars,
    ticks,
    with_room,
)
from oer_pipeline.reports.chart_plotly import plotly_figure
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.palette import PALETTE, colour

BLUE = "#0000ff"
RED = "#ff0000"


def points(**more: object) -> Series:
    given = {"marker": 9.0, "hover": ["one", "two"], **more}
    return Series([0.0, 1.0], [2.0, 3.0], BLUE, **given)  # type: ignore[arg-type]


def chart(*layers: object, **more: object) -> Chart:
    return Chart("All", [Panel(layers, title="a <b>")], (4.0, 3.0), **more)  # type: ignore[arg-type]


def pixels(picture: bytes) -> set[tuple[int, ...]]:
    with Image.open(io.BytesIO(picture)) as image:
        return set(image.convert("RGB").getdata())


def test_series_are_traces_with_their_texts() -> None:
    line = Series([0.0, 1.0, 2.0], [1.0, np.nan, 3.0], RED, line=2.0, dashed=True)
    dots, dashes = plotly_figure(chart(points(name="p"), line)).data
    assert (dots.mode, dots.name, dots.showlegend) == ("markers", "p", True)
    assert list(dots.x) == [0.0, 1.0]
    assert list(dots.hovertext) == ["one", "two"]
    assert (dashes.mode, dashes.line.dash, dashes.showlegend) == (
        "lines",
        "dash",
        False,
    )
    assert list(dashes.y) == [1.0, None, 3.0]
    assert dashes.hoverinfo == "skip"


def test_a_name_is_in_the_legend_once_and_over_all_panels() -> None:
    panel = Panel(
        [points(name="p", in_legend=False), points(name="p"), points(name="q")]
    )
    figure = plotly_figure(Chart("", [panel, panel], (4, 3), columns=2))
    shown = [(trace.name, trace.showlegend) for trace in figure.data]
    first = [("p", False), ("p", True), ("q", True)]
    assert shown == first + [(name, False) for name, _ in first]
    assert {trace.legendgroup for trace in figure.data} == {"p", "q"}


def test_axes_have_names_limits_and_scales() -> None:
    x = Axis("steps", ticks(["a\nb", "c"]), (1.5, -0.5))
    y = Axis("error", logarithmic=True, limits=(0.1, 10.0))
    figure = plotly_figure(Chart("", [Panel([points()], x, y)], (4, 3)))
    assert figure.layout.xaxis.title.text == "steps"
    assert list(figure.layout.xaxis.ticktext) == ["a<br>b", "c"]
    assert list(figure.layout.xaxis.range) == [1.5, -0.5]
    assert figure.layout.yaxis.type == "log"
    assert list(figure.layout.yaxis.range) == [-1.0, 1.0]


def test_a_matrix_is_a_heat_map_with_holes() -> None:
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    heat = Heat(values, (0.0, 5.0), "return", [["a", ""], ["b", "c"]])
    [drawn] = plotly_figure(chart(heat)).data
    assert [list(row) for row in drawn.z] == [[1.0, None], [2.0, 3.0]]
    assert (drawn.zmin, drawn.zmax) == (0.0, 5.0)
    assert drawn.colorbar.title.text == "return"
    assert png(chart(heat)) != png(chart(Heat(values + 1, (0.0, 5.0), "return", [])))


def test_bars_of_a_histogram_lie_between_their_edges() -> None:
    [drawn] = plotly_figure(chart(Histogram([0.0, 1.0, 3.0], [5, 7], BLUE))).data
    assert (list(drawn.x), list(drawn.width)) == ([0.5, 2.0], [1.0, 2.0])
    assert list(drawn.y) == [5, 7]


def test_a_band_is_a_closed_area_that_leaves_out_what_is_unknown() -> None:
    low = np.array([0.0, np.nan, 1.0])
    band = Band([0.0, 1.0, 2.0], low, low + 1.0, BLUE, "p")
    [drawn, _] = plotly_figure(chart(band, points(name="p"))).data
    assert (list(drawn.x), list(drawn.y)) == ([0, 2, 2, 0], [1, 2, 1, 0])
    assert (drawn.fill, drawn.showlegend, drawn.legendgroup) == ("toself", False, "p")
    assert png(chart(band)) != png(chart())


def test_room_is_left_on_both_sides() -> None:
    assert with_room([0.0, np.nan, 10.0]) == (-0.5, 10.5)
    assert with_room([3.0]) == (2.0, 4.0)
    assert with_room([]) == (0.0, 1.0)


def test_upright_bars_do_not_touch() -> None:
    made = bars([0.0, 1.0], np.array([1.0, 2.0]), np.array([3.0, 4.0]), RED, line=1)
    np.testing.assert_array_equal(made.x, [0, 0, np.nan, 1, 1, np.nan])
    np.testing.assert_array_equal(made.y, [1, 3, np.nan, 2, 4, np.nan])


@pytest.mark.parametrize(
    "layer",
    [
        points(name="p", symbol="bar"),
        points(name="p", symbol="square"),
        points(line=2.0, dashed=True),
        Histogram([0.0, 1.0, 3.0], [5, 7], RED),
        Heat(np.array([[1.0, np.nan]]), (0.0, 5.0), "return", [["a", ""]]),
    ],
)
def test_png_bytes_are_reproducible(layer: object) -> None:
    first = png(chart(layer))
    assert first.startswith(b"\x89PNG\r\n\x1a\n")
    assert first == png(chart(layer))
    assert b"tEXt" not in first  # neither dates nor versions


def test_png_has_the_charts_size_and_colours() -> None:
    drawn = png(chart(points()))
    assert struct.unpack(">II", drawn[16:24]) == (600, 450)  # 150 dots an inch
    assert (0, 0, 255) in pixels(drawn)
    assert (0, 0, 255) not in pixels(png(chart()))


def test_symbols_differ_on_pages_and_in_files() -> None:
    drawn = [chart(points(symbol=symbol)) for symbol in ("circle", "square", "bar")]
    on_pages = [plotly_figure(made).data[0].marker.symbol for made in drawn]
    assert on_pages == ["circle", "square", "line-ns"]
    assert len({png(made) for made in drawn}) == 3


def test_several_charts_are_one_sheet() -> None:
    sheet = png(chart(points(name="p")), chart(), chart(), columns=2)
    assert struct.unpack(">II", sheet[16:24]) == (1200, 900)
    assert sheet != png(chart(points()), chart(), chart(), columns=2)  # its legend


def test_a_figure_is_plain_json() -> None:
    figure = plotly_figure(chart(points(name="</script>")))
    assert json.loads(figure.to_json())["data"][0]["name"] == "</script>"


def test_colours_begin_again() -> None:
    assert colour(len(PALETTE)) == colour(0)
