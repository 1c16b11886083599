"""The same physics behind gymnasium's interface, for whoever trains or tests in an environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from oer_pipeline.suites.physics import is_finite
from oer_pipeline.suites.suite import Task
from oer_pipeline.types import FloatArray


class TaskEnv(gymnasium.Env[FloatArray, FloatArray]):
    """One task as a gymnasium environment; `truncated` at the horizon, `terminated` also when physics diverge."""

    metadata = {"render_modes": []}  # noqa: RUF012 - gymnasium's own contract

    def __init__(self, task: Task) -> None:
        self._task, self._physics = task, task.physics()
        self._state = self._physics.new_state()
        self._step = 0
        bound = np.full(self._physics.observation_size, np.inf, dtype=np.float64)
        self.observation_space = gymnasium.spaces.Box(-bound, bound, dtype=np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self._physics.action_size,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        super().reset(seed=seed)
        self._step = 0
        self._physics.reset(self._state, self.np_random)
        return self._physics.observe(self._state), {}

    def step(self, action: FloatArray) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        reward, terminal = self._physics.step(self._state, np.asarray(action, dtype=np.float64))
        self._step += 1
        diverged = not is_finite(self._state)
        return self._physics.observe(self._state), reward, terminal or diverged, self._step >= self._task.horizon, {}
