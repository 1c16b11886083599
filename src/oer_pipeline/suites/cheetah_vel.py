"""Cheetah-Vel: the half-cheetah has to run at a given signed velocity (PEARL, MACAW; protocol table)."""

from __future__ import annotations

import mujoco
import numpy as np

from oer_pipeline.suites.physics import Physics, Transition
from oer_pipeline.types import FloatArray


class CheetahVel(Physics):
    """Reward -|v - target| - 0.05 |a|^2, v in m/s; never terminal. Observation (20): qpos[1:], qvel, torso position."""

    asset = "half_cheetah.xml"
    frame_skip = 5
    observation_size = 20
    action_size = 6
    odometers = (17,)

    def __init__(self, target_velocity: float) -> None:
        super().__init__()
        self.target_velocity = float(target_velocity)
        self._torso = self.model.body("torso").id

    def reset(self, state: mujoco.MjData, generator: np.random.Generator) -> None:
        mujoco.mj_resetData(self.model, state)
        state.qpos[:] += generator.uniform(-0.1, 0.1, self.model.nq)
        state.qvel[:] = 0.1 * generator.standard_normal(self.model.nv)
        mujoco.mj_forward(self.model, state)

    def observe(self, state: mujoco.MjData) -> FloatArray:
        return np.concatenate((state.qpos[1:], state.qvel, state.xpos[self._torso]))

    def step(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        action = np.clip(action, -1.0, 1.0)
        start = state.qpos[0]
        state.ctrl[:] = action
        mujoco.mj_step(self.model, state, self.frame_skip)
        velocity = (state.qpos[0] - start) / self.dt
        reward = -abs(velocity - self.target_velocity) - 0.05 * float(action @ action)
        return Transition(float(reward), False)
