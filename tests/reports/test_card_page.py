"""A data card as a page: what is known is said, what is not is left out."""

from __future__ import annotations

import re
from typing import Any

import pytest

from oer_pipeline.reports.card_page import card_page, histogram, number
from oer_pipeline.reports.page import Folded, Picture
from oer_pipeline.reports.table import Table


def summary(**more: Any) -> dict[str, Any]:
    return {"min": -3.0, "mean": 1234.5, "max": 2000, "std": 0.12345, **more}


def test_what_is_not_known_is_left_out() -> None:
    text = card_page({}, "nothing")
    assert re.findall("<h2>(.*?)</h2>", text) == ["What it is", "What was repaired"]
    assert "Nothing: the data are as they came." in text
    assert "<script" not in text


def test_a_card_is_told_in_full() -> None:
    card = {
        "provenance": {
            "suite": "s <1>",
            "task": 2,
            "collector": {"script": "reach-v3", "noise": 0.5},
            "parameters": {"goal": [1, 2], "many": list(range(99))},
            "mended": {"reversed": 7, "narrowed": {"reward": {"from": "float64"}}},
        },
        "transitions": 12345,
        "returns": summary(histogram={"counts": [3, 0, 1], "edges": [0, 1, 2, 3]}),
        "coverage": {"action": {key: [1.0, 2.0] for key in summary()}},
        "at_bounds": 0.25,
        "references": {"random": {"episodes": 5, "mean": -1.0, "sd": 2.0}},
        "normalised_return": 50.04,
    }
    text = card_page(card, "told")
    for told in (
        "s &lt;1&gt;, 2",
        "the script of reach-v3, its actions with noise of sd 0.5",
        "goal = [1, 2], many = (99 values)",
        "12,345",
        "7 rows were turned round",
        "Column reward was float64; as float32, 0 values differ, by at most 0.",
        "1,234.5",
        "action 1",
        "Actions at a bound: 25.0% of the rows.",
        "Normalised mean return: 50.0",
        "Everything recorded of its origin",
    ):
        assert told in text, told
    assert text.count('src="data:image/png;base64,') == 1
    assert "http" not in text


def test_a_histogram_is_a_picture_and_its_numbers() -> None:
    picture, folded = histogram({"counts": [3, 1], "edges": [0.0, 1.5, 3.0]}, "return")
    assert isinstance(picture, Picture)
    assert picture.alt == "episodes by return"
    assert isinstance(folded, Folded)
    assert isinstance(folded.content, Table)
    assert folded.content.rows == (("0", "1.5", "3"), ("1.5", "3", "1"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (12345, "12,345"), (1234.56, "1,234.6"), (0.123456, "0.1235")],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text
