"""Cheetah-Vel: the half-cheetah has to run at a given signed velocity (PEARL, MACAW;
protocol, section 1)."""

from __future__ import annotations

import mujoco
import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.mujoco_physics import MujocoPhysics, squared
from oer_pipeline.suites.physics import Transition, number


class CheetahVel(MujocoPhysics):
    """Reward -|v - target| - 0.05 |a|^2, v in m/s; never terminal. Observation (20):
    qpos[1:], qvel, torso position."""

    asset = "half_cheetah.xml"
    frame_skip = 5
    observation_size = 20
    action_size = 6
    odometers = (17,)

    def __init__(self, target_velocity: float) -> None:
        super().__init__()
        self.target_velocity = number("target_velocity", target_velocity)
        self._torso = self.model.body("torso").id

    def observe(self, state: mujoco.MjData) -> FloatArray:
        positions = state.qpos[1:]
        torso = state.xpos[self._torso]
        return np.concatenate((positions, state.qvel, torso))

    def advance(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        start = state.qpos[0]
        self.simulate(state, action)
        moved = state.qpos[0] - start
        velocity = moved / self.dt
        difference = abs(velocity - self.target_velocity)
        action_cost = 0.05 * squared(action)
        reward = -difference - action_cost
        return Transition(float(reward), terminal=False)
