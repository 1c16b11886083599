"""Cells with round numbers: two tasks, three seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oer_pipeline.metrics.fidelity import Fidelity
from oer_pipeline.metrics.report import Success, cell_metrics
from tests.suites.conftest import can_draw, constant, counting  # noqa: F401

REFERENCES = {
    "run": {"random": -200.0, "zero": -100.0, "medium": -50.0, "expert": 0.0},
    "back": {"random": -100.0, "zero": -100.0, "medium": -50.0, "expert": 0.0},
}


@pytest.fixture(scope="session")
def cell() -> Callable[..., dict[str, Any]]:
    def make(
        name: str = "oer", lost: float = 20.0, seeds: int = 3, **changes: Any
    ) -> dict[str, Any]:
        matrices = {
            s: np.array([[-20.0 - 2 * s, np.nan], [-20.0 - 2 * s - lost, -10.0]])
            for s in range(seeds)
        }
        arguments: dict[str, Any] = {
            "suite": "cheetah",
            "quality": "medium",
            "method": name,
            "cell": name,
            "tasks": ["run", "back"],
            "matrices": matrices,
            "references": REFERENCES,
            "fidelity": {s: [Fidelity(0.5, 0.25), None] for s in matrices},
            "cost": {"updates": 1, "parameters": 2, "replay_bytes": 3},
        }
        return cell_metrics(**(arguments | changes))

    return make


@pytest.fixture
def solving(cell: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The same with success: 90 % when learned, `kept` % of the first task at the end,
    one more a seed."""

    def make(
        name: str = "oer", kept: float = 60.0, seeds: int = 3, **changes: Any
    ) -> dict[str, Any]:
        rates = {
            s: np.array([[90.0 + s, np.nan], [kept + s, 90.0]]) for s in range(seeds)
        }
        references = {task: {"random": 0.0, "zero": 5.0} for task in ("run", "back")}
        success = Success(rates, references, next_task={s: [20.0 + s] for s in rates})
        return cell(name, **({"seeds": seeds, "success": success} | changes))

    return make
