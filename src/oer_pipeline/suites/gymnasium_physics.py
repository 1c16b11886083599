"""Any registered gymnasium environment with flat, bounded continuous spaces, as one
task's physics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common import plugins
from oer_pipeline.common.errors import ConfigurationError, DataError, choices, one_line
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.info_flag import InfoFlag
from oer_pipeline.suites.mujoco_layout import Layout, layout_of
from oer_pipeline.suites.physics import Bounds, Physics, Transition

LARGEST_SEED = 2**31 - 1
LARGEST = float(np.finfo(np.float32).max)
"""What is beyond could not be recorded."""


@dataclass
class EnvState:
    """An environment and what it returned last."""

    env: gymnasium.Env[Any, Any]
    observation: FloatArray = field(default_factory=lambda: np.empty(0))
    reward: float = 0.0


class GymnasiumPhysics(Physics):
    """`id` as gymnasium registers it, made with `kwargs`; the suite's horizon replaces
    its time limit.

    `module:id` imports the module that registers it. An environment that truncates an
    episode itself, before the horizon, ends it as a time-out.

    `success_key`: where the `info` of every step says whether the task is solved, such
    as `success` or `is_success`; without it the suite has no success.

    Raises:
        ConfigurationError: an unknown id, an environment that cannot be made with
            `kwargs`, spaces that are not flat boxes, an action space without bounds.
        DataError: from `reset` and `step`: the environment failed in it, or returned an
            observation of another shape or a reward that is no finite number.
    """

    def __init__(
        self,
        id: str,
        kwargs: Mapping[str, Any] | None = None,
        success_key: str | None = None,
    ) -> None:
        if not isinstance(id, str):
            raise ConfigurationError(
                f"environment {id!r}: it takes an id that gymnasium knows, such as"
                " Hopper-v5"
            )
        if kwargs is not None and not isinstance(kwargs, Mapping):
            raise ConfigurationError(
                f"environment {id!r}: kwargs is {kwargs!r}; it takes a mapping of"
                " arguments"
            )
        self._id, self._kwargs = id, dict(kwargs or {})
        self._success = InfoFlag(id, success_key)
        self.has_success = success_key is not None
        env = self._make()
        observation = _flat(env.observation_space, f"{id}: its observation")
        action = _flat(env.action_space, f"{id}: its action")
        self.observation_size, self.action_size = observation.shape[0], action.shape[0]
        low, high = action.low.astype(np.float32), action.high.astype(np.float32)
        if not (
            np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()
        ):
            raise ConfigurationError(
                f"environment {id}: its action space {action} has to be bounded"
            )
        if (low != -1.0).any() or (high != 1.0).any():
            self.bounds = Bounds(low, high)
        env.close()

    def new_state(self) -> EnvState:
        return EnvState(self._make())

    def reset(self, state: EnvState, generator: np.random.Generator) -> None:
        seed = int(generator.integers(LARGEST_SEED))
        with self._calling("reset"):
            observation, _ = state.env.reset(seed=seed)
            state.observation, state.reward = self._seen(observation), 0.0

    def observe(self, state: EnvState) -> FloatArray:
        return state.observation

    def step(self, state: EnvState, action: FloatArray) -> Transition:
        space: Any = state.env.action_space
        action = np.clip(action, -1.0, 1.0)
        if self.bounds is not None:
            action = self.bounds.low + 0.5 * (action + 1.0) * (
                self.bounds.high - self.bounds.low
            )
        with self._calling("step"):
            observation, reward, terminated, truncated, info = state.env.step(
                action.astype(space.dtype)
            )
            state.observation, state.reward = self._seen(observation), float(reward)
        self._check_reward(state)
        solved = self._success.read(info)
        return Transition(state.reward, bool(terminated), solved, bool(truncated))

    @cached_property
    def _layout(self) -> Layout | None:
        env = self._make()
        try:
            return layout_of(env)
        finally:
            env.close()

    @property
    def state_dimensions(self) -> tuple[int, ...]:
        return () if self._layout is None else self._layout.dimensions

    def restore(self, state: EnvState, observation: FloatArray) -> bool:
        return self._layout is not None and self._layout.restore(state.env, observation)

    def is_sound(self, state: EnvState) -> bool:
        return bool(
            (np.abs(state.observation) <= LARGEST).all()
            and abs(state.reward) <= LARGEST
        )  # false for NaN, too

    def picture(self, state: EnvState, width: int, height: int) -> NDArray[np.uint8]:
        """The environment's own picture; `kwargs` have to ask for `render_mode:
        rgb_array`, sizes are its own."""
        return np.asarray(state.env.render())

    @contextmanager
    def _calling(self, method: str) -> Iterator[None]:
        """Whatever the environment's own code raises is one line."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # somebody else's code
            raise DataError(
                f"{self._named}: its {method} failed: {one_line(error)}"
            ) from error

    @property
    def _named(self) -> str:
        return f"environment {self._id!r}" + (
            f" with {self._kwargs}" if self._kwargs else ""
        )

    def _seen(self, observation: Any) -> FloatArray:
        """What `reset` or `step` returned, (observation_size,) float64."""
        array = np.asarray(observation, dtype=np.float64)
        if array.shape != (self.observation_size,):
            wanted = f"its space says {(self.observation_size,)}"
            raise DataError(
                f"{self._named}: its observation has shape {array.shape}; {wanted}"
            )
        return array

    def _check_reward(self, state: EnvState) -> None:
        """A reward that could not be recorded is a fault of the environment.

        With an observation that is none either, the simulation diverged: `is_sound`.
        """
        observed = bool((np.abs(state.observation) <= LARGEST).all())
        if observed and not abs(state.reward) <= LARGEST:
            wanted = "rewards have to be finite numbers within float32"
            raise DataError(
                f"{self._named}: its step returned the reward {state.reward}; {wanted}"
            )

    def _make(self) -> gymnasium.Env[Any, Any]:
        if ":" in self._id:
            plugins.use_nearest()
        try:
            return gymnasium.make(
                self._id, max_episode_steps=-1, disable_env_checker=True, **self._kwargs
            )
        except gymnasium.error.Error as error:
            known = choices(gymnasium.registry, self._id).split("?")[0]
            hint = (
                f" ({known}?)"
                if known.startswith("did you mean")
                else _registered_by(self._id)
            )
            raise ConfigurationError(
                f"environment {self._id!r}: {error}{hint}"
            ) from error
        except (
            Exception
        ) as error:  # of its constructor, or of the module that registers it
            raise ConfigurationError(
                f"{self._named}: {one_line(error)}{self._advice(error)}"
            ) from error

    def _advice(self, error: Exception) -> str:
        """Where the module belongs that registers the environment, if it is not
        found."""
        module, colon, _ = str(self._id).partition(":")
        missing = isinstance(
            error, ModuleNotFoundError
        ) and f"No module named {module!r}" in str(error)
        return f"; {plugins.advice(module)}" if colon and missing else ""


def _registered_by(id: str) -> str:
    """How to come by an environment that nobody has registered yet."""
    if ":" in id:
        return ""
    return (
        "; if another package registers it, name that one's module before it, id:"
        f" package.module:{id}"
    )


def _flat(space: gymnasium.Space[Any], where: str) -> gymnasium.spaces.Box:
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise ConfigurationError(
            f"environment {where} space is {space}; it has to be a flat Box"
        )
    return space
