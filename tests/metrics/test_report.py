"""The metrics document of a cell: its layout, JSON and determinism."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.fidelity import Fidelity
from oer_pipeline.metrics.report import Success, cell_metrics

NAN = np.nan
ARGUMENTS: dict[str, Any] = {
    "suite": "s",
    "quality": "medium",
    "method": "oer",
    "cell": "oer",
    "tasks": ["a", "b"],
    "matrices": {
        1: np.array([[-2.0, NAN], [-4.0, -6.0]], np.float32),
        0: np.array([[-1.0, NAN], [-3.0, -5.0]], np.float32),
    },
    "cost": {"updates": 7, "parameters": 8, "replay_bytes": 9},
}
REFERENCES = {
    t: {"random": -10.0, "zero": NAN, "medium": -2.0, "expert": 0.0} for t in "ab"
}


def test_document_survives_json() -> None:
    found = cell_metrics(
        **ARGUMENTS,
        references=REFERENCES,
        task_policy_returns={0: np.array([-1.0, -4.0])},
        next_task_returns={0: np.array([-7.0])},
        fidelity={0: [Fidelity(1.0, 2.0), None], 1: [Fidelity(3.0, 4.0), None]},
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["seeds"] == [0, 1]
    assert found["matrix"] == {
        "0": [[-1.0, None], [-3.0, -5.0]],
        "1": [[-2.0, None], [-4.0, -6.0]],
    }
    assert found["references"]["a"] == {
        "random": -10.0,
        "zero": None,
        "medium": -2.0,
        "expert": 0.0,
    }
    assert found["task_policy_returns"] == {"0": [-1.0, -4.0], "1": None}
    assert found["next_task_returns"] == {"0": [-7.0], "1": None}
    assert found["per_seed"]["0"]["zero_shot"] == 3.0
    assert found["aggregate"]["zero_shot_normalised"]["mean"] == pytest.approx(30.0)
    assert found["aggregate"]["zero_shot"]["seeds"] == 1
    assert found["fidelity"]["1"] == [
        {"visits_to_buffer": 3.0, "buffer_to_visits": 4.0},
        None,
    ]
    assert found["cost"] == ARGUMENTS["cost"]


def test_values_per_seed_and_over_seeds() -> None:
    found = cell_metrics(
        **ARGUMENTS, references=REFERENCES, fidelity={0: [Fidelity(1.0, 2.0), None]}
    )
    assert [found["per_seed"][s]["per"] for s in "01"] == [-4.0, -5.0]
    assert [found["per_seed"][s]["per_normalised"] for s in "01"] == [60.0, 50.0]
    assert [found["per_seed"][s]["fidelity_visits_to_buffer"] for s in "01"] == [
        1.0,
        None,
    ]
    assert found["aggregate"]["per"] == {
        "mean": -4.5,
        "iqm": -4.5,
        "low": None,
        "high": None,
        "method": "points",
        "seeds": 2,
    }
    assert found["aggregate"]["fidelity_buffer_to_visits"]["seeds"] == 1
    assert found["aggregate"]["cloning_gap"] is None


def test_order_of_seeds_changes_nothing() -> None:
    turned = ARGUMENTS | {"matrices": dict(reversed(ARGUMENTS["matrices"].items()))}
    assert json.dumps(cell_metrics(**turned)) == json.dumps(cell_metrics(**ARGUMENTS))


def test_without_references_there_are_no_normalised_metrics() -> None:
    found = cell_metrics(**ARGUMENTS)
    assert found["references"] is None
    assert not [name for name in found["aggregate"] if "normalised" in name]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"matrices": {}}, "no seed"),
        ({"matrices": {3: np.zeros((3, 3))}}, r"seed 3: .*\(3, 3\)"),
        ({"fidelity": {0: [None]}}, "seed 0: buffer fidelity has 1"),
        ({"references": {"a": REFERENCES["a"]}}, "references of b"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        cell_metrics(**(ARGUMENTS | change))


def test_headlines_are_normalised_where_there_are_references() -> None:
    from oer_pipeline.metrics.report import headlines

    estimates = {
        name: {"mean": 1.0}
        for name in ("bwt_paper", "plasticity", "forgetting", "per", "per_normalised")
    }
    rest = dict.fromkeys(
        (
            "cloning_gap",
            "zero_shot",
            "fidelity_visits_to_buffer",
            "fidelity_buffer_to_visits",
        )
    )
    shown = headlines({**estimates, "per_normalised": {"mean": 2.0}, **rest})
    assert shown["per_normalised"] == 2.0
    assert "per" not in shown
    assert shown["cloning_gap"] is None


SUCCESS = Success(
    matrices={
        0: np.array([[80.0, NAN], [40.0, 90.0]]),
        1: np.array([[100.0, NAN], [60.0, 100.0]]),
    },
    references={t: {"random": 10.0, "expert": 100.0} for t in "ab"},
    task_policy={0: np.array([90.0, 90.0]), 1: np.array([100.0, 100.0])},
    next_task={0: np.array([20.0])},
)


def test_success_stands_beside_returns() -> None:
    plain, found = cell_metrics(**ARGUMENTS), cell_metrics(**ARGUMENTS, success=SUCCESS)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    success = found["success"]
    assert success["matrix"] == {
        "0": [[80.0, None], [40.0, 90.0]],
        "1": [[100.0, None], [60.0, 100.0]],
    }
    assert success["task_policy"]["0"] == [90.0, 90.0]
    assert success["next_task"] == {"0": [20.0], "1": None}
    assert success["references"]["b"] == {"random": 10.0, "expert": 100.0}
    assert [found["per_seed"][s]["per_success"] for s in "01"] == [65.0, 80.0]
    assert found["aggregate"]["forgetting_success"]["mean"] == 40.0
    assert found["per_seed"]["0"]["zero_shot_success"] == 10.0
    for name in plain:
        if name not in ("per_seed", "aggregate"):
            assert found[name] == plain[name]
    assert plain["aggregate"].items() <= found["aggregate"].items()


def test_without_success_nothing_says_so() -> None:
    assert "success" not in json.dumps(cell_metrics(**ARGUMENTS, references=REFERENCES))


def test_intervals_of_success_end_where_success_does() -> None:
    seeds = {s: np.array([[100.0, NAN], [100.0, 90.0 + 5.0 * s]]) for s in range(3)}
    arguments = ARGUMENTS | {
        "matrices": dict.fromkeys(range(3), ARGUMENTS["matrices"][0])
    }
    found = cell_metrics(**arguments, success=Success(seeds, {}))["aggregate"]
    assert found["plasticity_success"]["high"] == 100.0
    assert found["plasticity_success"]["low"] > 90.0
    assert found["zero_shot_success"] is None


@pytest.mark.parametrize(
    ("matrices", "named"),
    [
        (
            {0: SUCCESS.matrices[0]},
            r"seed 1: no success, but of seeds \[0\]; every seed",
        ),
        (
            {0: np.zeros((3, 3)), 1: np.zeros((2, 2))},
            r"seed 0: matrix of success has shape \(3, 3\); 2 tasks",
        ),
    ],
)
def test_success_that_does_not_fit_is_refused(matrices: Any, named: str) -> None:
    with pytest.raises(DataError, match=named):
        cell_metrics(**ARGUMENTS, success=Success(matrices, {}))


def test_headlines_are_success_first_with_returns_beside() -> None:
    from oer_pipeline.metrics.report import headlines

    shown = headlines(
        cell_metrics(**ARGUMENTS, references=REFERENCES, success=SUCCESS)["aggregate"]
    )
    assert next(iter(shown)) == "per_success"
    assert shown["per_success"] == 72.5
    assert shown["per_normalised"] == pytest.approx(55.0)
    assert "fidelity_visits_to_buffer_success" not in shown
