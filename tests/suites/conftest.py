"""Named suites as configured, loops over raw MuJoCo to hold the families against, and a
physics whose fate is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.ant_dir import AntDir
from oer_pipeline.suites.behaviour import GaussianPolicy
from oer_pipeline.suites.physics import Physics, Transition
from oer_pipeline.suites.rollout import Episodes, episode_generators, rollout
from oer_pipeline.suites.suite import FAMILIES, Suite
from tests.trajectories.conftest import make, table  # noqa: F401

SUITES = Path(__file__).parents[2] / "conf" / "base" / "suites.yml"
ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"


class Counter(Physics):
    """Position starts at U(0, 1) and moves by the action, which is the reward, less
    `toll` for a negative one.

    Terminal after `ends` steps, NaN after `breaks`.
    """

    observation_size, action_size = 1, 1

    def __init__(self, ends: int = 1_000, breaks: int = 1_000, toll: int = 0) -> None:
        self._ends, self._breaks, self._toll = ends, breaks, toll

    def new_state(self) -> SimpleNamespace:
        return SimpleNamespace(position=np.zeros(1), steps=0)

    def reset(self, state: SimpleNamespace, generator: np.random.Generator) -> None:
        state.position[:], state.steps = generator.uniform(0, 1), 0

    def observe(self, state: SimpleNamespace) -> FloatArray:
        return state.position.copy()

    def step(self, state: SimpleNamespace, action: FloatArray) -> Transition:
        state.steps += 1
        state.position[:] = (
            np.nan if state.steps == self._breaks else state.position + action
        )
        return Transition(
            float(action[0]) - self._toll * (action[0] < 0), state.steps == self._ends
        )

    def is_sound(self, state: SimpleNamespace) -> bool:
        return bool(np.isfinite(state.position).all())

    def picture(
        self,
        state: SimpleNamespace,
        width: int,
        height: int,
    ) -> NDArray[np.uint8]:
        return np.full((height, width, 3), 10 * state.steps, np.uint8)


@pytest.fixture
def counter() -> type[Counter]:
    return Counter


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Suite]:
    """A suite whose one task is a `Counter` of these parameters; its return is the sum
    of its actions."""
    monkeypatch.setitem(FAMILIES, "counter", Counter)

    def suite(horizon: int = 10, **parameters: int) -> Suite:
        return Suite.from_config(
            "counting", {"family": "counter", "horizon": horizon, "tasks": [parameters]}
        )

    return suite


@pytest.fixture(scope="session")
def named() -> Callable[[str], Suite]:
    """A suite of conf/base/suites.yml."""
    config = yaml.safe_load(SUITES.read_text())
    return cache(lambda name: Suite.from_config(name, config[name]))


@pytest.fixture(scope="session")
def signed(named: Callable[[str], Suite]) -> Suite:
    return named("cheetah_vel_signed")


def constant_policy(observations: int, actions: int, value: float) -> GaussianPolicy:
    """A policy that always takes action `value`, with next to no noise."""
    weights = {
        "mean": np.zeros(observations),
        "variance": np.ones(observations),
        "log_std": np.full(actions, -30.0),
    }
    return GaussianPolicy(
        weights
        | {
            "0.weight": np.zeros((observations, actions)),
            "0.bias": np.full(actions, value),
        }
    )


@pytest.fixture
def constant() -> Callable[[int, int, float], GaussianPolicy]:
    return constant_policy


def wild_policy(observations: int, actions: int) -> GaussianPolicy:
    """A 64-64 network of random weights, whose products round."""
    draw, sizes = np.random.default_rng(0), (observations, 64, 64, actions)
    weights = {
        "mean": np.zeros(observations),
        "variance": np.ones(observations),
        "log_std": np.full(actions, -1.0),
    }
    for layer, (rows, columns) in enumerate(itertools.pairwise(sizes)):
        weights[f"{layer}.weight"] = draw.standard_normal((rows, columns)).astype(
            np.float32
        ) / np.sqrt(rows)
        weights[f"{layer}.bias"] = draw.standard_normal(columns).astype(np.float32)
    return GaussianPolicy(
        {name: weight.astype(np.float32) for name, weight in weights.items()}
    )


@pytest.fixture
def wild() -> Callable[[int, int], GaussianPolicy]:
    return wild_policy


class Raw:
    """One episode step by step over MuJoCo itself, nothing of the package in it
    (protocol, section 1)."""

    def __init__(self, asset: str, substeps: int) -> None:
        self.model = mujoco.MjModel.from_xml_path(str(ASSETS / asset))
        self.data, self.substeps = mujoco.MjData(self.model), substeps

    def start(self, position: FloatArray, velocity: FloatArray) -> None:
        self.data.qpos[:], self.data.qvel[:] = self.model.qpos0 + position, velocity
        mujoco.mj_forward(self.model, self.data)

    def go(self, action: FloatArray) -> None:
        self.data.ctrl[:] = action
        for _ in range(self.substeps):
            mujoco.mj_step(self.model, self.data)


@pytest.fixture
def raw() -> type[Raw]:
    return Raw


def planned(
    physics: Physics,
    plan: FloatArray,
    purpose: str = "table",
    horizon: int | None = None,
) -> Episodes:
    """One episode of the actions `plan` (T, A), from the start that (purpose, 0, 1, 0)
    draws."""
    start = episode_generators(purpose, 0, 1, 1)
    return rollout(
        [physics], start, lambda _, step: plan[step][None], horizon or len(plan)
    )


@pytest.fixture
def roll() -> Callable[..., Episodes]:
    return planned


@pytest.fixture(scope="session")
def can_draw() -> bool:
    """Whether pictures can be made here (EGL or a screen)."""
    physics: Any = AntDir(0.0)
    try:
        state = physics.new_state()
        physics.reset(state, np.random.default_rng(0))
        return bool(physics.picture(state, 32, 24).any())
    except Exception:  # whatever the driver raises
        return False
