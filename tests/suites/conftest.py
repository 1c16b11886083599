"""The default suite, and a physics of two numbers whose fate is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from oer_pipeline.suites.physics import Physics, Transition
from oer_pipeline.suites.suite import Suite
from oer_pipeline.types import FloatArray

SUITES = Path(__file__).parents[2] / "conf" / "base" / "suites.yml"


class Counter(Physics):
    """Position starts at U(0, 1) and moves by the action; terminal after `ends` steps, NaN after `breaks`."""

    observation_size, action_size = 1, 1

    def __init__(self, ends: int = 1_000, breaks: int = 1_000) -> None:
        self._ends, self._breaks = ends, breaks

    def new_state(self) -> SimpleNamespace:  # type: ignore[override]
        return SimpleNamespace(qpos=np.zeros(1), qvel=np.zeros(1), steps=0)

    def reset(self, state: SimpleNamespace, generator: np.random.Generator) -> None:  # type: ignore[override]
        state.qpos[:], state.steps = generator.uniform(0, 1), 0

    def observe(self, state: SimpleNamespace) -> FloatArray:  # type: ignore[override]
        return state.qpos.copy()

    def step(self, state: SimpleNamespace, action: FloatArray) -> Transition:  # type: ignore[override]
        state.steps += 1
        state.qpos[:] = np.nan if state.steps == self._breaks else state.qpos + action
        return Transition(float(action[0]), state.steps == self._ends)


@pytest.fixture(scope="session")
def signed() -> Suite:
    return Suite.from_config("cheetah_vel_signed", yaml.safe_load(SUITES.read_text())["cheetah_vel_signed"])


@pytest.fixture
def counter() -> type[Counter]:
    return Counter
