"""The search for the bias at which half of a script's episodes succeed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.suites import script_levels
from oer_pipeline.suites.suite import Task

TASK = Task("own", 3, "meta_world", {"env_name": "push-v3"}, 200)


@pytest.fixture
def succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[float], float]], list[float]]:
    """Replaces roll-outs by a success that is a function of the bias; the list grows by
    every bias tried."""

    def replace(success: Callable[[float], float]) -> list[float]:
        tried: list[float] = []

        def play(task: Task, policy: Any, episodes: int, purpose: str) -> Any:
            tried.append(policy.bias)
            solved = np.arange(episodes) < round(episodes * success(policy.bias))
            return SimpleNamespace(success=solved)

        monkeypatch.setattr(script_levels, "play", play)
        return tried

    return replace


@pytest.mark.parametrize("width", [0.01, 0.05, 0.3])
def test_half_succeed_at_the_level_found(succeeds: Any, width: float) -> None:
    tried = succeeds(lambda bias: 1.0 / (1.0 + (bias / width) ** 4))
    bias, curve = script_levels._search(TASK, "push-v3")
    assert bias == pytest.approx(width, rel=0.1)
    assert sorted(tried) == [bias for bias, _ in curve]
    assert len(tried) <= 2 + script_levels.HALVINGS


def test_a_script_that_succeeds_in_half_as_it_is_needs_no_bias(succeeds: Any) -> None:
    succeeds(lambda bias: 0.5 - bias)
    assert script_levels._search(TASK, "push-v3")[0] == 0.0


def test_a_cliff_ends_the_search(succeeds: Any) -> None:
    tried = succeeds(lambda bias: float(bias < 0.1))
    bias, _ = script_levels._search(TASK, "push-v3")
    assert len(tried) == 2 + script_levels.HALVINGS
    assert bias in tried


def test_a_script_that_no_bias_stops_is_named(succeeds: Any) -> None:
    succeeds(lambda bias: 1.0)
    with pytest.raises(
        DataError, match=r"own task_3: aiming 0.4 m aside, 100% of the episodes succeed"
    ):
        script_levels._search(TASK, "push-v3")
