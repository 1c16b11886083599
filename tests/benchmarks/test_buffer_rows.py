"""Which rows buffers hold: by episode and by quarter of the horizon."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from benchmarks.buffer_rows import in_quarters, of_seeds
from oer_pipeline.orchestration.configuration import plans_of


def test_a_finished_cells_buffers_are_described(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.path)
    [plan] = plans_of(["method=oer"], "test")
    root = finished.path / "data/test"
    of_seed = list(of_seeds(root, plan))
    assert len(of_seed) == len(plan.seeds)
    for episodes, *quarters, to_buffer, to_visits in of_seed:
        assert 1.0 <= episodes <= 40.0
        assert sum(quarters) == pytest.approx(100.0)
        assert min(to_buffer, to_visits) > 0.0
    cell = root / "07_model_output/cheetah_vel_signed/medium/oer/seed_0"
    near = []
    for task in (1, 2):
        document = json.loads((cell / f"task_{task}_fidelity.json").read_text())
        near.append(document["visits_to_buffer"])
    assert of_seed[0][-2] == pytest.approx(sum(near) / 2)


def test_quarters_are_of_the_horizon() -> None:
    steps = np.array([0, 49, 50, 199, 200])
    assert in_quarters(steps, 200) == [40.0, 20.0, 0.0, 40.0]
