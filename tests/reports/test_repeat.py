"""Commands that can be typed as they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oer_pipeline.reports.repeat import compare_command, film_command, run_command

Make = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("seeds", "told"), [([0, 1, 2], "0-2"), ([4], "4"), ([0, 3], "0+3")]
)
def test_a_cell(cell: Make, seeds: list[int], told: str) -> None:
    metrics = {**cell(), "seeds": seeds}
    assert run_command(metrics, "", "s", "medium", "") == (
        f"kedro run --params=suite=s,quality=medium,method=oer,seeds={told}"
    )


def test_imported_data_have_no_quality_to_choose(cell: Make) -> None:
    command = run_command(cell(), "replay.size=3", "mine", "imported", "paper")
    told = "suite=mine,method=oer,seeds=0-2,replay.size=3"
    assert command == f"kedro run --env=paper --params={told}"


def test_a_comparison() -> None:
    command = compare_command(["a", "b"], "tasks=2", "s", "medium", "", [0, 1])
    told = "suite=s,quality=medium,seeds=0-1,tasks=2,compare=a+b"
    assert command == f"kedro run --pipelines=comparison --params={told}"


def test_a_film_is_of_the_first_seed(cell: Make) -> None:
    command = film_command(cell(), "replay.size=3", "s", "medium", "paper")
    told = "suite=s,quality=medium,method=oer,seeds=0,replay.size=3"
    assert command == f"kedro film --env=paper --params={told}"
