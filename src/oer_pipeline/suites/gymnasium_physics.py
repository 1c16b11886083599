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
from oer_pipeline.common.stopping import Stopped
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.mujoco_layout import Layout, layout_of
from oer_pipeline.suites.physics import Bounds, Physics, Transition
from oer_pipeline.suites.success_flag import SuccessFlag
from oer_pipeline.trajectories.rules import value_text

LARGEST_SEED = 2**31 - 1
LARGEST = float(np.finfo(np.float32).max)
"""Larger numbers could not be recorded."""


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

    Args:
        id: of the environment.
        kwargs: arguments of its constructor.
        success_key: where the `info` of every step says whether the task is solved,
            such as `success` or `is_success`; without it the suite has no success.

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
        self._id = id
        self._kwargs = dict(kwargs or {})
        self._success = SuccessFlag(id, success_key)
        self.has_success = success_key is not None
        env = self._make()
        observation = _flat(env.observation_space, f"{id}: its observation")
        action = _flat(env.action_space, f"{id}: its action")
        self.observation_size = observation.shape[0]
        self.action_size = action.shape[0]
        low = action.low.astype(np.float32)
        high = action.high.astype(np.float32)
        bounded = np.isfinite(low) & np.isfinite(high) & (low < high)
        if not bounded.all():
            raise ConfigurationError(
                f"environment {id}: its action space {action} has to be bounded"
            )
        differs = (low != -1.0) | (high != 1.0)
        if differs.any():
            self.bounds = Bounds(low, high)
        env.close()

    def new_state(self) -> EnvState:
        return EnvState(self._make())

    def reset(self, state: EnvState, generator: np.random.Generator) -> None:
        seed = int(generator.integers(LARGEST_SEED))
        with self._calling("reset"):
            observation, _ = state.env.reset(seed=seed)
            state.observation = self._checked(observation)
            state.reward = 0.0
        if not _recordable(state.observation):
            raise DataError(
                f"{self._title}: its reset returned the observation"
                f" {value_text(state.observation)}; an episode starts with finite"
                " numbers within float32"
            )

    def observe(self, state: EnvState) -> FloatArray:
        return state.observation

    def step(self, state: EnvState, action: FloatArray) -> Transition:
        space: Any = state.env.action_space
        action = np.clip(action, -1.0, 1.0)
        if self.bounds is not None:
            low, high = self.bounds
            share = 0.5 * (action + 1.0)
            action = low + share * (high - low)
        applied = action.astype(space.dtype)
        with self._calling("step"):
            result = state.env.step(applied)
            observation, reward, terminated, truncated, info = result
            state.observation = self._checked(observation)
            state.reward = float(reward)
        self._check_reward(state)
        solved = self._success.read(info)
        ended = self._flag("terminated", terminated)
        cut = self._flag("truncated", truncated)
        return Transition(state.reward, ended, solved, cut)

    @cached_property
    def _layout(self) -> Layout | None:
        env = self._make()
        try:
            return layout_of(env)
        finally:
            env.close()

    @property
    def state_dimensions(self) -> tuple[int, ...]:
        if self._layout is None:
            return ()
        return self._layout.dimensions

    def restore(self, state: EnvState, observation: FloatArray) -> bool:
        if self._layout is None:
            return False
        return self._layout.restore(state.env, observation)

    def is_sound(self, state: EnvState) -> bool:
        return _recordable(state.observation) and abs(state.reward) <= LARGEST

    def picture(
        self,
        state: EnvState,
        width: int,
        height: int,
    ) -> NDArray[np.uint8]:
        """The environment's own picture; `kwargs` have to ask for `render_mode:
        rgb_array`, sizes are its own."""
        return np.asarray(state.env.render())

    @contextmanager
    def _calling(self, method: str) -> Iterator[None]:
        """Whatever the environment's own code raises is one line."""
        try:
            yield
        except (DataError, Stopped):
            raise
        except (Exception, SystemExit) as error:  # somebody else's code
            cause = f"{self._title}: its {method} failed: {one_line(error)}"
            raise DataError(cause) from error

    @property
    def _title(self) -> str:
        """What errors call the environment."""
        name = f"environment {self._id!r}"
        return f"{name} with {self._kwargs}" if self._kwargs else name

    def _checked(self, observation: Any) -> FloatArray:
        """What `reset` or `step` returned, (observation_size,) float64."""
        array = np.asarray(observation, dtype=np.float64)
        wanted = (self.observation_size,)
        if array.shape != wanted:
            raise DataError(
                f"{self._title}: its observation has shape {array.shape}; its space"
                f" says {wanted}"
            )
        return array

    def _flag(self, name: str, value: Any) -> bool:
        """What `step` returned as `name`: true or false, 1 or 0."""
        if isinstance(value, bool | np.bool_):
            return bool(value)
        flag = np.asarray(value)
        is_number = flag.size == 1 and flag.dtype.kind in "biuf"
        if not is_number or flag.item() not in (0, 1):
            found = " ".join(repr(value).split())[:100]
            raise DataError(
                f"{self._title}: its step returned {name} {found}; it has to be true or"
                " false"
            )
        return bool(flag.item())

    def _check_reward(self, state: EnvState) -> None:
        """A reward that could not be recorded is a fault of the environment.

        With an observation that is none either, the simulation diverged: `is_sound`.
        """
        if _recordable(state.observation) and not abs(state.reward) <= LARGEST:
            raise DataError(
                f"{self._title}: its step returned the reward {state.reward}; rewards"
                " have to be finite numbers within float32"
            )

    def _make(self) -> gymnasium.Env[Any, Any]:
        if ":" in self._id:
            plugins.use_nearest()
        try:
            return gymnasium.make(
                self._id, max_episode_steps=-1, disable_env_checker=True, **self._kwargs
            )
        except gymnasium.error.UnregisteredEnv as error:
            said = str(error).rstrip(".")
            cause = f"environment {self._id!r}: {said}{_hint(self._id)}"
            raise ConfigurationError(cause) from error
        except Stopped:
            raise
        except (Exception, SystemExit) as error:  # of its constructor or its module
            cause = f"{self._title}: {one_line(error)}{self._advice(error)}"
            raise ConfigurationError(cause) from error

    def _advice(self, error: BaseException) -> str:
        """Where the module belongs that registers the environment, if it is not
        found."""
        module, colon, _ = str(self._id).partition(":")
        if not colon or not isinstance(error, ModuleNotFoundError):
            return ""
        if f"No module named {module!r}" not in str(error):
            return ""
        return f"; {plugins.advice(module)}"


def _recordable(observation: FloatArray) -> bool:
    """Whether all are finite numbers within float32."""
    within = np.abs(observation) <= LARGEST  # false for NaN, too
    return bool(within.all())


def _hint(id: str) -> str:
    """What was perhaps meant by an unknown id, or how the environment is registered."""
    module, colon, name = id.rpartition(":")
    guess, question, _ = choices(gymnasium.registry, name).partition("?")
    if question and guess.startswith("did you mean"):
        return f" ({guess}?)"
    if colon:
        call = f"gymnasium.register({name!r}, entry_point=...)"
        return f"; module {module} was imported and does not register it: {call}"
    advice = "if another package registers it, name that one's module before it"
    return f"; {advice}, id: package.module:{id}"


def _flat(space: gymnasium.Space[Any], where: str) -> gymnasium.spaces.Box:
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return space
    raise ConfigurationError(
        f"environment {where} space is {space}; it has to be a flat Box"
    )
