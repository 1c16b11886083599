"""The same physics behind gymnasium's interface, to train or to test in."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.physics import Physics
from oer_pipeline.suites.suite import FAMILIES, Task
from oer_pipeline.suites.task_lists import listed

WIDTH = 480
HEIGHT = 360
"""Of a picture, in pixels."""
LITERATURE_HORIZON = 200
IDS = {
    "oer/AntDir-v0": "ant_dir",
    "oer/WalkerPar-v0": "walker_par",
    "oer/CheetahVel-v0": "cheetah_vel",
}


class PhysicsEnv(gymnasium.Env[FloatArray, FloatArray]):
    """One physics as an environment, truncated at `horizon` if there is one.

    A step that diverges ends the episode without effect, as in roll-outs: the
    observation is the one before it, the reward 0 (one NaN would spoil a whole
    training), and `info["diverged"]` says so. It is truncated, not terminal: to a
    cheetah, whose rewards are all below 0, an end would pay.
    """

    metadata = {  # noqa: RUF012 - gymnasium declares it so
        "render_modes": ["rgb_array"],
        "render_fps": 20,
    }

    def __init__(
        self,
        physics: Physics,
        horizon: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        self._physics = physics
        self._horizon = horizon
        self.render_mode = render_mode
        self._state = physics.new_state()
        self._step = 0
        self.observation_space = gymnasium.spaces.Box(
            -np.inf, np.inf, (physics.observation_size,), np.float64
        )
        self.action_space = gymnasium.spaces.Box(
            -1.0, 1.0, (physics.action_size,), np.float32
        )

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[FloatArray, dict[str, Any]]:
        super().reset(seed=seed)
        self._step = 0
        self._physics.reset(self._state, self.np_random)
        self._seen = self._physics.observe(self._state)
        return self._seen, {}

    def step(
        self,
        action: FloatArray,
    ) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        if not np.isfinite(action).all():
            return self._seen, 0.0, False, True, {"diverged": True}
        outcome = self._physics.step(self._state, np.asarray(action, dtype=np.float64))
        self._step += 1
        if not self._physics.is_sound(self._state):
            return self._seen, 0.0, False, True, {"diverged": True}
        self._seen = self._physics.observe(self._state)
        at_horizon = self._horizon is not None and self._step >= self._horizon
        truncated = at_horizon or outcome.truncated
        info = {"diverged": False}
        if self._physics.has_success:
            info["success"] = outcome.success
        return self._seen, outcome.reward, outcome.terminal, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """A picture (360, 480, 3) in mode `rgb_array`, otherwise nothing."""
        if self.render_mode != "rgb_array":
            return None
        return self._physics.picture(self._state, WIDTH, HEIGHT)


def task_env(task: Task) -> PhysicsEnv:
    """A task of a suite, truncated at the suite's horizon."""
    return PhysicsEnv(task.physics(), task.horizon)


def family_env(
    family: str,
    task_id: int = 0,
    render_mode: str | None = None,
    **parameters: Any,
) -> PhysicsEnv:
    """What `gymnasium.make("oer/AntDir-v0", task_id=3)` calls: a task of the
    literature's list, or of `parameters`.

    Args:
        family: a key of `FAMILIES`.
        task_id: the task's number in the list.
        render_mode: `rgb_array` or None.
        parameters: of the family, instead of a task of the list.

    Raises:
        ConfigurationError: an id that the list does not have, parameters that the
            family does not take.
    """
    if not parameters:
        [parameters] = listed(family, [task_id], f"environment {family}")
    try:
        return PhysicsEnv(FAMILIES[family](**parameters), render_mode=render_mode)
    except TypeError as error:
        raise ConfigurationError(f"environment {family}: {error}") from error


def register() -> None:
    """Register the families with gymnasium; the horizon is gymnasium's time limit,
    `max_episode_steps` changes it."""
    for name, family in IDS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="oer_pipeline.suites.environment:family_env",
                max_episode_steps=LITERATURE_HORIZON,
                kwargs={"family": family},
            )
