"""The base of the families that run on gymnasium's MuJoCo assets."""

from __future__ import annotations

import math
import os
import sys
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.physics import Physics, Transition

LARGEST_SQUARE = mujoco.mjMAXVAL**2
"""MuJoCo goes on with no larger numbers."""


def squared(vector: FloatArray) -> float:
    """|vector|^2 of a float64 vector (N,), correctly rounded.

    BLAS would add in an order that the processor decides.
    """
    return math.fsum((vector * vector).tolist())


def positions_and_velocities(
    observation: FloatArray,
    positions: int,
    velocities: int,
    skipped: int,
) -> tuple[FloatArray, FloatArray]:
    """qpos (positions,) and qvel (velocities,) of an observation that starts with them.

    The first `skipped` positions, which it leaves out, are 0.
    """
    observed = positions - skipped
    left_out = np.zeros(skipped)
    qpos = np.concatenate((left_out, observation[:observed]))
    qvel = observation[observed : observed + velocities]
    return qpos, qvel


def is_clipped(qvel: FloatArray, limit: float | None) -> bool:
    """Whether some velocity stands at the limit, where observations clip it, so that it
    may be higher."""
    if limit is None:
        return False
    at_limit = np.abs(qvel) >= limit
    return bool(at_limit.any())


def is_finite(state: mujoco.MjData) -> bool:
    """Whether positions and velocities are numbers that MuJoCo can go on with."""
    qpos = state.qpos
    qvel = state.qvel
    squares = qpos.dot(qpos) + qvel.dot(qvel)
    return bool(squares < LARGEST_SQUARE)  # false for NaN, too


class MujocoPhysics(Physics):
    """One MuJoCo model stepped through `MjData` states; a family gives its asset, frame
    skip, reset and reward."""

    asset: ClassVar[str]
    frame_skip: ClassVar[int]
    tracked: ClassVar[str] = "torso"
    """The body that pictures follow."""
    skipped_positions: ClassVar[int] = 1
    """Leading positions, all odometers, that observations leave out; the rest of qpos,
    then qvel, start them."""
    velocity_limit: ClassVar[float | None] = None
    """Where observations clip velocities: such a one does not tell the state."""

    def __init__(self) -> None:
        self._kept_renderer: mujoco.Renderer | None = None
        package = Path(gymnasium.__file__).parent
        file = package / "envs" / "mujoco" / "assets" / self.asset
        self.model = mujoco.MjModel.from_xml_path(str(file))
        # MuJoCo would silently reset a state that diverged; here it has to be seen and
        # ends the episode. One robot has no islands of contacts: not looking for them
        # leaves every bit of the result and takes 7 % less time.
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND

    @property
    def dt(self) -> float:
        """Seconds of one environment step."""
        return float(self.model.opt.timestep * self.frame_skip)

    def new_state(self) -> mujoco.MjData:
        return mujoco.MjData(self.model)

    def reset(self, state: mujoco.MjData, generator: np.random.Generator) -> None:
        mujoco.mj_resetData(self.model, state)
        self.disturb(state, generator)
        mujoco.mj_forward(self.model, state)

    @property
    def state_dimensions(self) -> tuple[int, ...]:
        positions = self.model.nq - self.skipped_positions
        return tuple(range(positions + self.model.nv))

    def restore(self, state: mujoco.MjData, observation: FloatArray) -> bool:
        model = self.model
        qpos, qvel = positions_and_velocities(
            observation, model.nq, model.nv, self.skipped_positions
        )
        if is_clipped(qvel, self.velocity_limit):
            return False
        mujoco.mj_resetData(model, state)
        state.qpos[:] = qpos
        state.qvel[:] = qvel
        mujoco.mj_forward(model, state)
        return True

    def disturb(self, state: mujoco.MjData, generator: np.random.Generator) -> None:
        """Add the initial noise: U(+-0.1) to qpos and 0.1 N(0, 1) to qvel, unless the
        family has its own."""
        offset = generator.uniform(-0.1, 0.1, self.model.nq)
        velocity = generator.standard_normal(self.model.nv)
        state.qpos[:] += offset
        state.qvel[:] = 0.1 * velocity

    @abstractmethod
    def advance(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        """`simulate` an action that is within +-1, and say what it earned."""

    def step(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        clipped = action.clip(-1.0, 1.0)
        return self.advance(state, clipped)

    def simulate(self, state: mujoco.MjData, action: FloatArray) -> None:
        """`frame_skip` substeps under constant `action`."""
        state.ctrl[:] = action
        mujoco.mj_step(self.model, state, self.frame_skip)

    def is_sound(self, state: mujoco.MjData) -> bool:
        return is_finite(state)

    def picture(
        self,
        state: mujoco.MjData,
        width: int,
        height: int,
    ) -> NDArray[np.uint8]:
        renderer = self._renderer(width, height)
        renderer.update_scene(state, self._camera)
        return np.asarray(renderer.render())

    @cached_property
    def _camera(self) -> mujoco.MjvCamera:
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        camera.trackbodyid = self.model.body(self.tracked).id
        camera.distance = 4.0
        camera.azimuth = 90.0
        camera.elevation = -15.0
        return camera

    def _renderer(self, width: int, height: int) -> mujoco.Renderer:
        """One renderer is kept: its making takes longer than a picture."""
        kept = self._kept_renderer
        if kept is None:
            draw_without_a_screen()
            _enlarge_floor(self.model)
        elif kept.width == width and kept.height == height:
            return kept
        else:
            kept.close()
        renderer = mujoco.Renderer(self.model, height, width)
        self._kept_renderer = renderer
        return renderer


def _enlarge_floor(model: mujoco.MjModel) -> None:
    """Draw the floor ten times as wide, with tiles as they were: fast robots leave it.
    Collisions ignore its size."""
    floor = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    material = model.geom_matid[floor]
    model.geom_size[floor, :2] *= 10.0
    model.mat_texrepeat[material] *= 10.0


def draw_without_a_screen() -> None:
    """MuJoCo chooses its way to draw when it is imported, and takes a window; a server
    has none, but often has EGL."""
    chosen = {"DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"} & os.environ.keys()
    if sys.platform == "linux" and not chosen:
        from mujoco import egl, gl_context

        gl_context.GLContext = egl.GLContext
