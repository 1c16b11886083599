"""A buffer follows a policy where its states are, and the model's error is the
model's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from oer_pipeline.metrics.fidelity_by_quarter import fidelity_by_quarter
from oer_pipeline.trajectories.table import Trajectories


def line(steps: int) -> Trajectories:
    """One episode along a line, one unit a step."""
    states = np.arange(steps + 1, dtype=np.float32)[:, None] * np.ones(
        (1, 2), np.float32
    )
    flags = np.zeros(steps, bool)
    return Trajectories(
        states[:-1],
        np.zeros((steps, 1), np.float32),
        states[1:],
        np.zeros(steps, np.float32),
        flags,
        flags,
        np.zeros(steps, np.int32),
        np.arange(steps, dtype=np.int32),
    )


def test_a_buffer_of_the_first_half_loses_the_second() -> None:
    data = line(40)
    model: Any = SimpleNamespace(
        mean_next=lambda s, a: s + torch.tensor([1.0, 2.0])
    )  # wrong by 1 in one dimension
    found = fidelity_by_quarter(
        data, data, {"half": np.arange(20), "all": np.arange(40)}, model, (0, 1), 40
    )
    assert found["all"].tolist() == [0, 0, 0, 0]
    assert found["half"][:2].tolist() == [0, 0]
    assert 0 < found["half"][2] < found["half"][3]
    one = 1 / (data.observation[:, 0].std() + 1e-3)
    np.testing.assert_allclose(found["model error"], one, rtol=1e-4)
    short = fidelity_by_quarter(
        data, line(10), {"all": np.arange(40)}, model, (0, 1), 40
    )
    assert np.isnan(short["all"][1:]).all()
