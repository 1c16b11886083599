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


class WalkerPar(MujocoPhysics):
    """Reward v_x + 1 - 1e-3 |a|^2, v in m/s; terminal when it falls. Observation (17):
    qpos[1:], qvel clipped to +-10.

    The task is the body: masses (8 kg), inertias (8 x 3), joint damping (9), friction
    (8 x 3).
    """

    asset = "walker2d_v5.xml"
    frame_skip = 4
    velocity_limit = 10.0
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
            dict(
                zip(
                    BODY,
                    (body_mass, body_inertia, dof_damping, geom_friction),
                    strict=True,
                )
            )
        )

    def body(self) -> dict[str, FloatArray]:
        """The parameters in force, as `set_body` takes them."""
        return {name: getattr(self.model, name).copy() for name in BODY}

    def set_body(self, parameters: Mapping[str, ArrayLike]) -> None:
        """Give the walker another body; what MuJoCo derives from it (invweight0 and the
        like) follows.

        Raises:
            ConfigurationError: a parameter with another number of values than the model
                has, or a value that is none.
        """
        for name, values in parameters.items():
            target, given = getattr(self.model, name), _values(name, values)
            if given.size != target.size:
                raise ConfigurationError(
                    f"walker_par: {name} has {given.size} values; the model takes"
                    f" {target.shape}"
                )
            target[:] = given.reshape(target.shape)
        mujoco.mj_setConst(self.model, mujoco.MjData(self.model))

    def disturb(self, state: mujoco.MjData, generator: np.random.Generator) -> None:
        state.qpos[:] += generator.uniform(-0.005, 0.005, self.model.nq)
        state.qvel[:] = generator.uniform(-0.005, 0.005, self.model.nv)

    def observe(self, state: mujoco.MjData) -> FloatArray:
        return np.concatenate((state.qpos[1:], np.clip(state.qvel, -10.0, 10.0)))

    def advance(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        start = state.qpos[0]
        self.simulate(state, action)
        velocity = (state.qpos[0] - start) / self.dt
        reward = velocity + 1.0 - 1e-3 * squared(action)
        upright = 0.8 < state.qpos[1] < 2.0 and -1.0 < state.qpos[2] < 1.0
        return Transition(float(reward), not upright)


def _values(name: str, values: ArrayLike) -> FloatArray:
    try:
        given = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"walker_par: {name} holds no numbers: {error}"
        ) from error
    wrong = given[~(np.isfinite(given) & (given >= 0.0))]
    if wrong.size:
        raise ConfigurationError(
            f"walker_par: {name} holds {wrong[0]}; its values are finite and not"
            " negative"
        )
    return given
