"""Where the observation of a gymnasium environment on MuJoCo holds the positions and
velocities, by trying.

Most of them observe qpos without the odometers in front, then qvel, some of them
clipped, then other things. Nothing in the interface says so, and versions differ: the
observations of a short random episode are held against the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import mujoco
import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.mujoco_physics import is_clipped, positions_and_velocities

ODOMETERS = (0, 1, 2)
"""How many leading positions an observation may leave out: none, x, or x and y."""
LIMITS = (None, 10.0)
"""Where observations may clip velocities: nowhere, or as Hopper's and Walker2d's do."""
STEPS = 20


@dataclass(frozen=True)
class Layout:
    """An observation starts with qpos but for `skipped` positions, then qvel within
    +-`limit`."""

    positions: int
    velocities: int
    skipped: int
    limit: float | None

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The dimensions of an observation that these are."""
        return tuple(range(self.positions - self.skipped + self.velocities))

    def observe(self, env: Any) -> FloatArray:
        """These dimensions of an observation of the environment's state."""
        data = env.unwrapped.data
        velocities = data.qvel
        if self.limit is not None:
            velocities = np.clip(velocities, -self.limit, self.limit)
        return np.concatenate((data.qpos[self.skipped :], velocities))

    def restore(self, env: Any, observation: FloatArray) -> bool:
        """Put the environment where it was observed so; False where a clipped velocity
        does not tell."""
        qpos, qvel = positions_and_velocities(
            observation, self.positions, self.velocities, self.skipped
        )
        if is_clipped(qvel, self.limit):
            return False
        env.unwrapped.set_state(qpos, qvel)
        return True


def layout_of(env: gymnasium.Env[Any, Any]) -> Layout | None:
    """The layout of an environment, which is reset and stepped; None where it has none
    of these."""
    model: Any = getattr(env.unwrapped, "model", None)
    data = getattr(env.unwrapped, "data", None)
    on_mujoco = isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData)
    if not on_mujoco or not callable(getattr(env.unwrapped, "set_state", None)):
        return None
    candidates = []
    for skipped in ODOMETERS:
        for limit in LIMITS:
            candidates.append(Layout(model.nq, model.nv, skipped, limit))
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(STEPS):
        seen = np.asarray(observation)
        candidates = [layout for layout in candidates if _fits(layout, env, seen)]
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            observation, _ = env.reset()
    return _most_cautious(candidates)


def _most_cautious(candidates: list[Layout]) -> Layout | None:
    """The one that is left; of layouts that differ in the limit alone, the one with a
    limit: velocities never reached it."""
    if len(candidates) == 1:
        return candidates[0]
    limited = [layout for layout in candidates if layout.limit is not None]
    skipped = {layout.skipped for layout in candidates}
    if len(skipped) == 1 and limited:
        return limited[0]
    return None


def _fits(layout: Layout, env: Any, observation: FloatArray) -> bool:
    count = len(layout.dimensions)
    if len(observation) < count:
        return False
    return np.array_equal(observation[:count], layout.observe(env))
