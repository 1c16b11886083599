"""Where an environment of gymnasium's on MuJoCo shows its positions and velocities,
found by trying.

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
from oer_pipeline.suites.mujoco_physics import is_clipped, split

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

    def shown(self, env: Any) -> FloatArray:
        """What the environment's state looks like, these dimensions alone."""
        data = env.unwrapped.data
        qvel = (
            data.qvel
            if self.limit is None
            else np.clip(data.qvel, -self.limit, self.limit)
        )
        return np.concatenate((data.qpos[self.skipped :], qvel))

    def restore(self, env: Any, observation: FloatArray) -> bool:
        """Put the environment where it was observed so; False where a clipped velocity
        does not tell."""
        qpos, qvel = split(observation, self.positions, self.velocities, self.skipped)
        if is_clipped(qvel, self.limit):
            return False
        env.unwrapped.set_state(qpos, qvel)
        return True


def layout_of(env: gymnasium.Env[Any, Any]) -> Layout | None:
    """The layout of an environment, which is reset and stepped; None where it has none
    of these."""
    bare: Any = env.unwrapped
    parts = (getattr(bare, name, None) for name in ("model", "data", "set_state"))
    model, data, set_state = parts
    on_mujoco = isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData)
    if not on_mujoco or not callable(set_state):
        return None
    candidates = [
        Layout(bare.model.nq, bare.model.nv, skipped, limit)
        for skipped in ODOMETERS
        for limit in LIMITS
    ]
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(STEPS):
        candidates = [c for c in candidates if _fits(c, env, np.asarray(observation))]
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            observation, _ = env.reset()
    return candidates[0] if len(candidates) == 1 else _cautious(candidates)


def _cautious(candidates: list[Layout]) -> Layout | None:
    """Of layouts that differ in the limit alone, the one with it: velocities never
    reached it."""
    limited = [c for c in candidates if c.limit is not None]
    return limited[0] if len({c.skipped for c in candidates}) == 1 and limited else None


def _fits(layout: Layout, env: Any, observation: FloatArray) -> bool:
    count = len(layout.dimensions)
    return len(observation) >= count and bool(
        np.array_equal(observation[:count], layout.shown(env))
    )
