"""The page of selectors: order, marks, paired differences, and a picture of the
scene."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.judging import Judgement
from oer_pipeline.reports.judging_page import (
    CONTENT,
    LIKENESS,
    Scene,
    page_of,
    paired,
    png,
    ranked,
    table,
)

SEEDS = (0.0, 0.5, 1.0)  # how hard a seed is, for all selectors alike


def judgement(distance: float, seed: float = 0.0) -> Judgement:
    return {
        "visits_to_buffer": distance + seed,
        "buffer_to_visits": 2 * distance + seed,
        "visits_to_buffer_odometer": None,
        "buffer_to_visits_odometer": None,
        "visits_to_data": 0.25,
        "action_gap": 1 / distance,
        "coverage": 0.5,
        "walked": 90 if distance < 2 else None,
        "filled": 10 if distance < 2 else None,
        "return_mean": -100.0,
        "data_return_mean": -120.0,
    }


@pytest.fixture
def judgements() -> dict[str, list[Judgement]]:
    distances = {"uniform": 2.0, "mbes": 1.0, "oracle": 0.5, "a <b>": 3.0}
    return {
        name: [judgement(d, seed) for seed in SEEDS] for name, d in distances.items()
    }


@pytest.fixture
def scene() -> Scene:
    data = np.random.default_rng(0).normal(size=(900, 4)).astype(np.float32)
    return Scene(
        data,
        data[:120] + 0.1,
        {"uniform": data[200:260], "mbes": data[60:120]},
        (0, 1, 2),
    )


def cells(html: str) -> dict[str, list[str]]:
    """Row name to the texts of its cells, `*` before a marked one."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', html)
    found = {
        name: re.findall(r'<td style="([^"]*)">(.*?)</td>', inside)
        for name, inside in rows
    }
    return {
        n: ["*" * ("background" in style) + text for style, text in row]
        for n, row in found.items()
    }


def test_rows_are_in_the_order_of_fidelity_and_the_best_is_marked(
    judgements: dict[str, list[Judgement]],
) -> None:
    assert ranked(judgements) == ["oracle", "mbes", "uniform", "a <b>"]
    found = cells(table(judgements, LIKENESS))
    assert found["mbes"][0].startswith("*1.50<br><small>[")
    assert found["oracle"][0].startswith(
        "1.00"
    )  # it looks into the environment, so it can't win
    assert found["a &lt;b&gt;"][2] == "*0.333"
    assert len(found["mbes"]) == 3  # nobody has an odometer
    assert found["all of the data"] == ["0.25", "-", "-"]


def test_the_content_is_not_judged(judgements: dict[str, list[Judgement]]) -> None:
    found = cells(table(judgements, CONTENT))
    assert found["mbes"] == ["0.50", "-100.0", "90", "10"]
    assert found["uniform"] == ["0.50", "-100.0", "-", "-"]
    assert found["all of the data"] == ["-", "-120.0", "-", "-"]


def test_differences_are_paired_by_seed(
    judgements: dict[str, list[Judgement]], scene: Scene
) -> None:
    differences = paired(judgements, "uniform")
    assert set(differences) == {"mbes", "oracle", "a <b>"}
    assert [d["visits_to_buffer"] for d in differences["mbes"]] == pytest.approx(
        [-1, -1, -1]
    )
    assert "visits_to_buffer_odometer" not in differences["mbes"][0]
    assert "Better than uniform?" in page_of("task_1", judgements, scene)
    assert "Better than" not in page_of("task_1", {"mbes": judgements["mbes"]}, scene)
    with pytest.raises(DataError, match=r"'mbes': 2.* same number"):
        paired({**judgements, "mbes": judgements["mbes"][:2]}, "uniform")


def test_fewer_than_three_seeds_are_points(
    judgements: dict[str, list[Judgement]],
) -> None:
    two = {name: seeds[:2] for name, seeds in judgements.items()}
    assert cells(table(two, LIKENESS))["mbes"][0] == "*1.00, 1.50"


def test_the_page_is_whole_and_reproducible(
    judgements: dict[str, list[Judgement]], scene: Scene
) -> None:
    text = page_of("task_1", judgements, scene)
    assert text == page_of("task_1", judgements, scene)
    assert text.count('src="data:image/png;base64,') == 1
    assert "http" not in text
    assert "a &lt;b&gt;" in text
    assert "<b>" not in text
    for column in LIKENESS[:2]:
        assert column.explanation in text


def test_the_picture_shows_which_visits_a_buffer_misses(scene: Scene) -> None:
    drawn = png(scene)
    assert drawn == png(scene)
    assert min(struct.unpack(">II", drawn[16:24])) > 400
    moved = Scene(
        scene.data,
        scene.visits,
        {**scene.buffers, "mbes": scene.buffers["uniform"]},
        scene.dimensions,
    )
    assert png(moved) != drawn
    assert png(scene, ["mbes", "uniform"]) != drawn
    assert png(scene, ["mbes", "not there"]) == png(scene, ["mbes"])


def test_nothing_to_compare_is_refused(judgements: dict[str, list[Judgement]]) -> None:
    for wrong, named in (
        ({}, r"\[\]"),
        ({**judgements, "mbes": []}, r"without a judgement: \['mbes'\]"),
    ):
        with pytest.raises(DataError, match=named):
            ranked(wrong)
