"""A small nonlinear system: two state dimensions that move, one that never does, one
action, a curved reward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.trajectories.table import Trajectories

NOISE = 0.1  # of the second dimension
CONSTANT_VALUE = 0.7
SystemMaker = Callable[..., Trajectories]


def make_system(episodes: int = 60, steps: int = 25, seed: int = 0) -> Trajectories:
    draw = np.random.default_rng(seed)
    states = [draw.uniform(-2, 2, (episodes, 2))]
    actions = draw.uniform(-1, 1, (steps, episodes))
    for a in actions:
        x, y = states[-1].T
        noise = NOISE * draw.standard_normal(episodes)
        states.append(
            np.stack((0.9 * x + np.sin(y) * a, 0.7 * y + np.cos(2 * x) + noise), axis=1)
        )
    path = np.full((episodes, steps + 1, 3), CONSTANT_VALUE, np.float32)
    path[:, :, :2] = np.swapaxes(np.stack(states), 0, 1)
    timeout = np.tile(np.arange(steps) == steps - 1, episodes)
    observation, action = (
        path[:, :-1].reshape(-1, 3),
        actions.T.reshape(-1, 1).astype(np.float32),
    )
    return Trajectories(
        observation=observation,
        action=action,
        next_observation=path[:, 1:].reshape(-1, 3),
        reward=np.abs(observation[:, 0]) - action[:, 0] ** 2,
        terminal=np.zeros_like(timeout),
        timeout=timeout,
        episode=np.repeat(np.arange(episodes, dtype=np.int32), steps),
        step=np.tile(np.arange(steps, dtype=np.int32), episodes),
    )


@pytest.fixture
def make() -> SystemMaker:
    return make_system


@pytest.fixture(scope="session")
def system() -> Trajectories:
    return make_system()


@pytest.fixture(scope="session")
def small() -> DynamicsSettings:
    return DynamicsSettings(
        members=3,
        hidden=(48, 48),
        learning_rate=5e-3,
        batch_size=64,
        min_improvement=0.01,
    )
