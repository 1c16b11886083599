"""A suite is configuration; what is wrong with it is said in one line."""

from __future__ import annotations

from typing import Any

import pytest

from oer_pipeline.errors import ConfigurationError
from oer_pipeline.suites.suite import Suite

GOOD: dict[str, Any] = {
    "family": "cheetah_vel",
    "horizon": 50,
    "tasks": [{"target_velocity": 1}, {"target_velocity": 2}],
}


def test_tasks_count_from_one_and_know_their_physics() -> None:
    suite = Suite.from_config("mine", GOOD)
    assert [(t.index, t.name, t.suite, t.horizon) for t in suite.tasks] == [
        (1, "task_1", "mine", 50),
        (2, "task_2", "mine", 50),
    ]
    assert suite.tasks[1].physics().target_velocity == 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "cheeta_vel"}, "suite mine: unknown family 'cheeta_vel'; .*cheetah_vel"),
        ({"tasks": []}, "suite mine: it has no tasks"),
        ({"tasks": [{"target_velocity": 1}, {}]}, r"suite mine, task 2: missing or unknown keys \['target_velocity'\]"),
        ({"tasks": [{"target_velocity": 1, "gravity": 2}]}, r"task 1: missing or unknown keys \['gravity'\]"),
        ({"horizons": 3}, r"suite mine: missing or unknown keys \['horizons'\]; it takes exactly"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Suite.from_config("mine", {**GOOD, **change})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"missing or unknown keys \['horizon'\]"):
        Suite.from_config("mine", {key: value for key, value in GOOD.items() if key != "horizon"})
