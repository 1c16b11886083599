"""Walker-Par: the walker walks forward with another body each task (MACAW; protocol,
section 1)."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.mujoco_physics import MujocoPhysics, squared
from oer_pipeline.suites.physics import Transition

BODY = ("body_mass", "body_inertia", "dof_damping", "geom_friction")
TIMESTEP = 0.004
VELOCITY_LIMIT = 10.0


class WalkerPar(MujocoPhysics):
    """Reward v_x + 1 - 1e-3 |a|^2, v in m/s; terminal when it falls. Observation (17):
    qpos[1:], qvel clipped to +-10.

    The task is the body: masses (8 kg), inertias (8 x 3), joint damping (9), friction
    (8 x 3).
    """

    asset = "walker2d_v5.xml"
    frame_skip = 4
    velocity_limit = VELOCITY_LIMIT
    observation_size = 17
    action_size = 6

    def __init__(
        self,
        body_mass: ArrayLike,
        body_inertia: ArrayLike,
        dof_damping: ArrayLike,
        geom_friction: ArrayLike,
    ) -> None:
        super().__init__()
        self.model.opt.timestep = TIMESTEP
        self.set_body(
            {
                "body_mass": body_mass,
                "body_inertia": body_inertia,
                "dof_damping": dof_damping,
                "geom_friction": geom_friction,
            }
        )

    def body(self) -> dict[str, FloatArray]:
        """The parameters in force, as `set_body` takes them."""
        return {name: getattr(self.model, name).copy() for name in BODY}

    def set_body(self, parameters: Mapping[str, ArrayLike]) -> None:
        """Give the walker another body; what MuJoCo derives from it (invweight0 and the
        like) follows.

        Args:
            parameters: name of an array of MuJoCo's model -> all its values, in the
                array's shape or flat.

        Raises:
            ConfigurationError: a parameter with another number of values than the model
                has, or a value that is none.
        """
        for name, values in parameters.items():
            target = getattr(self.model, name)
            array = _array(name, values)
            if array.size != target.size:
                raise ConfigurationError(
                    f"walker_par: {name} has {array.size} values; the model takes"
                    f" {target.shape}"
                )
            target[:] = array.reshape(target.shape)
        mujoco.mj_setConst(self.model, mujoco.MjData(self.model))

    def disturb(self, state: mujoco.MjData, generator: np.random.Generator) -> None:
        offset = generator.uniform(-0.005, 0.005, self.model.nq)
        velocity = generator.uniform(-0.005, 0.005, self.model.nv)
        state.qpos[:] += offset
        state.qvel[:] = velocity

    def observe(self, state: mujoco.MjData) -> FloatArray:
        positions = state.qpos[1:]
        velocities = np.clip(state.qvel, -VELOCITY_LIMIT, VELOCITY_LIMIT)
        return np.concatenate((positions, velocities))

    def advance(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        start = state.qpos[0]
        self.simulate(state, action)
        moved = state.qpos[0] - start
        velocity = moved / self.dt
        reward = velocity + 1.0 - 1e-3 * squared(action)
        height, angle = state.qpos[1:3]
        upright = 0.8 < height < 2.0 and -1.0 < angle < 1.0
        return Transition(float(reward), terminal=not upright)


def _array(name: str, values: ArrayLike) -> FloatArray:
    """The values of a parameter, float64."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        cause = f"walker_par: {name} holds no numbers: {error}"
        raise ConfigurationError(cause) from error
    wrong = array[~(np.isfinite(array) & (array >= 0.0))]
    if wrong.size:
        raise ConfigurationError(
            f"walker_par: {name} holds {wrong[0]}; its values are finite and not"
            " negative"
        )
    return array
