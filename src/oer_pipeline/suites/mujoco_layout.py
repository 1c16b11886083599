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
        observed_positions = self.positions - self.skipped
        return tuple(range(observed_positions + self.velocities))

    def observe(self, env: Any) -> FloatArray:
        """These dimensions of an observation of the environment's state."""
        data = env.unwrapped.data
        velocities = data.qvel
        if self.limit is not None:
            velocities = np.clip(velocities, -self.limit, self.limit)
        positions = data.qpos[self.skipped :]
        return np.concatenate((positions, velocities))

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
    bare = env.unwrapped
    model: Any = getattr(bare, "model", None)
    data = getattr(bare, "data", None)
    set_state = getattr(bare, "set_state", None)
    if not isinstance(model, mujoco.MjModel):
        return None
    if not isinstance(data, mujoco.MjData) or not callable(set_state):
        return None
    candidates = []
    for skipped in ODOMETERS:
        for limit in LIMITS:
            layout = Layout(model.nq, model.nv, skipped, limit)
            candidates.append(layout)
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(STEPS):
        seen = np.asarray(observation)
        candidates = [layout for layout in candidates if _fits(layout, env, seen)]
        action = env.action_space.sample()
        observation, _, terminated, truncated, _ = env.step(action)
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
    start = observation[:count]
    return np.array_equal(start, layout.observe(env))
