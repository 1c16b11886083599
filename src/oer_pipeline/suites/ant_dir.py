"""Ant-Dir: the ant has to run in a given direction of the plane (PEARL, MACAW;
protocol, section 1)."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.mujoco_physics import MujocoPhysics, squared
from oer_pipeline.suites.physics import Transition, number

LOWEST = 0.2
HIGHEST = 1.0
"""Heights of the torso (m) between which the ant is healthy."""
ALIVE = 1.0
"""Reward of every step."""


class AntDir(MujocoPhysics):
    """Reward v.(cos, sin) - 0.5 |a|^2 - 5e-4 |clipped contact forces|^2 + 1; v of the
    torso in m/s, angle in rad.

    Terminal when the torso leaves heights 0.2 to 1.0 m. Observation (27): qpos[2:],
    qvel.
    """

    asset = "ant.xml"
    frame_skip = 5
    skipped_positions = 2
    observation_size = 27
    action_size = 8

    def __init__(self, goal_angle: float) -> None:
        super().__init__()
        self.goal_angle = number("goal_angle", goal_angle)
        self._cos = math.cos(self.goal_angle)
        self._sin = math.sin(self.goal_angle)
        self._torso = self.model.body("torso").id

    def observe(self, state: mujoco.MjData) -> FloatArray:
        positions = state.qpos[2:]
        return np.concatenate((positions, state.qvel))

    def advance(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        torso = state.xpos[self._torso]  # a view, which the simulation moves
        start = torso[:2].copy()
        self.simulate(state, action)
        # mj_step leaves the contact forces of cfrc_ext out.
        mujoco.mj_rnePostConstraint(self.model, state)
        moved = torso[:2] - start
        velocity = moved / self.dt
        v_x, v_y = velocity.tolist()
        along_x = v_x * self._cos
        along_y = v_y * self._sin
        forward = along_x + along_y
        forces = state.cfrc_ext[1:]
        forces = forces.clip(-1.0, 1.0)
        action_cost = 0.5 * squared(action)
        contact_cost = 5e-4 * squared(forces.ravel())
        reward = forward - action_cost - contact_cost + ALIVE
        height = state.qpos[2]
        healthy = LOWEST <= height <= HIGHEST
        return Transition(reward, terminal=not healthy)
