"""Cells with round numbers: two tasks, three seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oer_pipeline.metrics.fidelity import Fidelity
from oer_pipeline.metrics.report import cell_metrics

REFERENCES = {
    "run": {"random": -200.0, "zero": -100.0, "medium": -50.0, "expert": 0.0},
    "back": {"random": -100.0, "zero": -100.0, "medium": -50.0, "expert": 0.0},
}


@pytest.fixture
def cell() -> Callable[..., dict[str, Any]]:
    def make(name: str = "oer", lost: float = 20.0, seeds: int = 3, **changes: Any) -> dict[str, Any]:
        matrices = {s: np.array([[-20.0 - 2 * s, np.nan], [-20.0 - 2 * s - lost, -10.0]]) for s in range(seeds)}
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
