"""The page of transition models, from made-up reports of three dimensions, one of them
constant."""

from __future__ import annotations

import html
import json
import re
import struct
from typing import Any

import numpy as np
import pytest

from oer_pipeline.reports.chart import Series
from oer_pipeline.reports.dynamics_charts import (
    QUESTIONS,
    heuristics,
    relative_errors,
)
from oer_pipeline.reports.dynamics_page import dynamics_page, dynamics_png, table


def heuristic(worst: float) -> dict[str, Any]:
    return {
        "spearman": 0.1 * worst,
        "error_by_decile": [0.1 * n * worst for n in range(1, 11)],
        "inside": [0.1, 0.2, 0.3],
        "random_action": [0.2, 0.3, 0.4],
        "perturbed_state": [0.5, 0.8, 1.5],
        "auroc": {"random_action": 0.71, "perturbed_state": 0.93},
    }


def report(error: float = 0.2) -> dict[str, Any]:
    worse = {"ensemble": error, "linear": 2 * error, "no_change": 1.0}
    return {
        "epochs": 31,
        "elites": [0, 1, 3],
        "rmse": {name: [e, 0.0, 3 * e, e] for name, e in worse.items()},
        "standardised_rmse": worse,
        "nll": {name: [e, None, -e, 10 * e] for name, e in worse.items()},
        "calibration": {
            "nominal": [0.1, 0.5, 0.9],
            "empirical": [0.2, 0.6, 0.95],
            "error": 0.0833,
            "by_dimension": [],
        },
        "open_loop": {
            "steps": [1, 5, 20, 50],
            "starts": [9, 9, 9, 9],
            "ensemble": [error, 0.3, 0.4, 0.6],
            "linear": [0.3, 0.5, 0.9, None],
            "no_change": [1.0, 1.1, 1.2, 1.3],
        },
        "uncertainty": {
            "disagreement": heuristic(6),
            "max_std": heuristic(5),
            "mixture": heuristic(8),
        },
    }


def figures(page: str) -> dict[str, Any]:
    """Place -> figure, as they stand in a page."""
    [found] = re.findall(r'id="figures">(.*?)</script>', page)
    drawn: dict[str, Any] = json.loads(found)
    return drawn


@pytest.fixture
def reports() -> dict[str, Any]:
    return {"task_1": report(), "task_2 <x>": report(0.1)}


def test_the_sheet_is_reproducible_and_shows_the_numbers(
    reports: dict[str, Any],
) -> None:
    drawn = dynamics_png(reports)
    assert drawn == dynamics_png(reports)
    assert min(struct.unpack(">II", drawn[16:24])) > 1000
    assert drawn != dynamics_png({**reports, "task_1": report(0.3)})


def test_the_page_is_whole_and_holds_every_figure(reports: dict[str, Any]) -> None:
    text = dynamics_page(reports, "cheetah", "medium")
    assert "<h1>cheetah, medium: transition models</h1>" in text
    headings = re.findall("<h2>(.*?)</h2>", text)
    assert headings[1:] == [html.escape(question.title) for question in QUESTIONS]
    assert len(figures(text)) == len(QUESTIONS)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert loaded == ["data:,", "../../../plotly.min.js"]
    assert "task_2 &lt;x&gt;" in text


def test_the_table_says_what_the_reports_say(reports: dict[str, Any]) -> None:
    rows = table(reports).rows
    assert [row[0] for row in rows] == ["task_1", "task_2 <x>"]
    assert rows[0][1:] == (
        "3",
        "31",
        "2.0 (10.0)",
        "0.20 (0.40, 1.00)",
        "0.60 (-, 1.30)",
        "0.08",
        "0.60, 0.80, 0.50",
        "0.71, 0.93",
    )


def test_what_is_undefined_can_be_drawn(reports: dict[str, Any]) -> None:
    short = report()
    short["open_loop"].update(ensemble=[0.1, None, None, None], linear=[None] * 4)
    for judged in short["uncertainty"].values():
        judged["spearman"] = None
    del short["epochs"], short["elites"]
    assert "NaN" not in str(figures(dynamics_page({"task_1": short}, "s", "q")))
    assert dynamics_png({"task_1": short}).startswith(b"\x89PNG")


def few_rows() -> dict[str, Any]:
    """The report of a task with fewer held-out rows than groups."""
    made = report()
    for judged in made["uncertainty"].values():
        judged["error_by_decile"] = [None] * 10
    return made


def test_a_task_with_few_rows_is_left_out_of_errors_by_group() -> None:
    alone = heuristics({"task_1": report()})
    beside = heuristics({"task_1": report(), "task_2": few_rows()})
    assert beside.y == alone.y
    assert beside.x == alone.x
    for mine, expected in zip(beside.layers, alone.layers, strict=True):
        assert isinstance(mine, Series)
        assert isinstance(expected, Series)
        np.testing.assert_array_equal(mine.y, expected.y)
    both = {"task_1": report(), "task_2": few_rows()}
    assert "NaN" not in str(figures(dynamics_page(both, "s", "q")))
    assert dynamics_png(both).startswith(b"\x89PNG")


def test_tasks_with_few_rows_alone_make_an_empty_panel_without_limits() -> None:
    only = {"task_1": few_rows()}
    panel = heuristics(only)
    assert not panel.layers
    assert panel.y.limits is None
    assert panel.x.names == {float(n): str(n) for n in range(1, 11)}
    assert table(only).rows[0][7] == "0.60, 0.80, 0.50"
    assert "NaN" not in str(figures(dynamics_page(only, "s", "q")))
    assert dynamics_png(only).startswith(b"\x89PNG")


def series(reports: dict[str, Any], name: str) -> Series:
    """The named series of the errors by dimension."""
    for layer in relative_errors(reports).layers:
        if isinstance(layer, Series) and layer.name == name:
            return layer
    raise AssertionError(name)


def test_errors_are_relative_to_no_change_and_constants_left_out() -> None:
    found = series({"task_1": report()}, "linear").y
    assert list(found) == pytest.approx([0.4, np.nan, 0.4, 0.4], nan_ok=True)


def test_without_rewards_the_last_place_is_a_dimension() -> None:
    bare = report() | {"rewards": False}
    for measure in ("rmse", "nll"):
        bare[measure] = {name: e[:-1] for name, e in bare[measure].items()}
    panel = relative_errors({"task_1": bare})
    assert panel.x.names == {0.0: "0", 1.0: "1", 2.0: "2"}
    assert len(series({"task_1": bare}, "ensemble").y) == 3
    with_rewards = relative_errors({"task_1": report()}).x
    assert with_rewards.names == {0.0: "0", 1.0: "1", 2.0: "2", 3.0: "r"}
