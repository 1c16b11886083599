"""The page of selectors: order, marks, paired differences, and a picture of the
scene."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.judging import Judgement
from oer_pipeline.reports.judging_page import (
    CONTENT,
    LIKENESS,
    judging_page,
    paired,
    ranked,
    table,
)
from oer_pipeline.reports.judging_picture import Scene, judging_png, scene_of
from oer_pipeline.reports.table import Marked, Table

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


def cells(shown: Table) -> dict[str, list[str]]:
    """Row name to the texts of its cells, `*` before a marked one."""
    found = {}
    for name, *row in shown.rows:
        found[name] = ["*" * isinstance(cell, Marked) + cell for cell in row]
    return found


def test_rows_are_in_the_order_of_fidelity_and_the_best_is_marked(
    judgements: dict[str, list[Judgement]],
) -> None:
    assert ranked(judgements) == ["oracle", "mbes", "uniform", "a <b>"]
    found = cells(table(judgements, LIKENESS))
    assert found["mbes"][0].startswith("*1.50\n[")
    assert found["oracle"][0].startswith(
        "1.00"
    )  # it looks into the environment, so it can't win
    assert found["a <b>"][2] == "*0.333"
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
    assert "Better than uniform?" in judging_page("task_1", judgements, scene)
    assert "Better than" not in judging_page(
        "task_1", {"mbes": judgements["mbes"]}, scene
    )
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
    text = judging_page("task_1", judgements, scene)
    assert text == judging_page("task_1", judgements, scene)
    assert text.count('src="data:image/png;base64,') == 1
    assert "http" not in text
    assert "a &lt;b&gt;" in text
    assert "<b>" not in text
    for column in LIKENESS[:2]:
        assert column.explanation in text


def test_the_picture_shows_which_visits_a_buffer_misses(scene: Scene) -> None:
    drawn = judging_png(scene, list(scene.buffers))
    assert drawn == judging_png(scene, list(scene.buffers))
    assert min(struct.unpack(">II", drawn[16:24])) > 400
    moved = Scene(
        scene.data,
        scene.visits,
        {**scene.buffers, "mbes": scene.buffers["uniform"]},
        scene.dimensions,
    )
    assert judging_png(moved, list(moved.buffers)) != drawn
    assert judging_png(scene, ["mbes", "uniform"]) != drawn
    assert judging_png(scene, ["mbes", "not there"]) == judging_png(scene, ["mbes"])


def test_a_scene_of_one_dimension_is_drawn_on_a_line(scene: Scene) -> None:
    line = replace(scene, dimensions=(0,))
    assert line.plane("mbes").explained == (1.0, 0.0)
    assert judging_png(line, list(line.buffers)).startswith(b"\x89PNG")


def test_a_scene_has_the_buffers_of_one_size() -> None:
    data = np.arange(12.0).reshape(6, 2)
    rows = {"selector": ["b", "b", "a", "a"], "size": [1, 2, 1, 1], "row": [5, 4, 3, 2]}
    scene = scene_of(data, data[:1], pd.DataFrame(rows), 1, (0, 1))
    assert list(scene.buffers) == ["b", "a"]
    np.testing.assert_array_equal(scene.buffers["a"], data[[3, 2]])
    np.testing.assert_array_equal(scene.buffers["b"], data[[5]])


def test_nothing_to_compare_is_refused(judgements: dict[str, list[Judgement]]) -> None:
    for wrong, named in (
        ({}, r"\[\]"),
        ({**judgements, "mbes": []}, r"without a judgement: \['mbes'\]"),
    ):
        with pytest.raises(DataError, match=named):
            ranked(wrong)
