"""Ant-Dir: the ant has to run in a given direction of the plane (PEARL, MACAW;
protocol, section 1)."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.mujoco_physics import MujocoPhysics, squared
from oer_pipeline.suites.physics import Transition, number

HEALTHY_HEIGHT = (0.2, 1.0)


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

    def disturb(self, state: mujoco.MjData, generator: np.random.Generator) -> None:
        model = self.model
        state.qpos[:] += generator.uniform(-0.1, 0.1, model.nq)
        state.qvel[:] = 0.1 * generator.standard_normal(model.nv)

    def observe(self, state: mujoco.MjData) -> FloatArray:
        return np.concatenate((state.qpos[2:], state.qvel))

    def advance(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        start = state.xpos[self._torso, :2].copy()
        self.simulate(state, action)
        # mj_step leaves the contact forces of cfrc_ext out.
        mujoco.mj_rnePostConstraint(self.model, state)
        moved = state.xpos[self._torso, :2] - start
        v_x, v_y = (moved / self.dt).tolist()
        forward = v_x * self._cos + v_y * self._sin
        force = state.cfrc_ext[1:].clip(-1.0, 1.0).ravel()
        action_cost = 0.5 * squared(action)
        contact_cost = 5e-4 * squared(force)
        reward = forward - action_cost - contact_cost + 1.0
        lowest, highest = HEALTHY_HEIGHT
        healthy = lowest <= state.qpos[2] <= highest
        return Transition(reward, terminal=not healthy)
