"""What an environment family has to provide: one task's simulator, stepped through
explicit states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common.checks import LARGEST, is_number
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray

State: TypeAlias = Any
"""A simulation in progress, such as `mujoco.MjData`; only the physics that made it
looks inside."""


def number(name: str, value: Any) -> float:
    """A task's parameter as a float.

    Args:
        name: of the parameter.
        value: as YAML has it.

    Raises:
        ConfigurationError: it is no finite number, or beyond LARGEST.
    """
    if not is_number(value) or not abs(value) <= LARGEST:
        raise ConfigurationError(f"{name} is {value!r}; it takes a finite number")
    return float(value)


class Transition(NamedTuple):
    """What one environment step returns: the reward and whether the MDP (not the clock)
    ended.

    `success`: the task is solved at this step, where the family says so
    (`Physics.has_success`). `truncated`: the environment ends the episode here by
    itself, before the suite's horizon, without an end of the MDP: a time-out. An end of
    the MDP at the same step counts more.
    """

    reward: float
    terminal: bool
    success: bool = False
    truncated: bool = False


class Bounds(NamedTuple):
    """Lowest and highest action, each (A,) float32."""

    low: FloatArray
    high: FloatArray


class Physics(ABC):
    """The simulator of one task; states live outside it, so that a batch of episodes
    shares one model.

    Subclasses set, on the class or the instance, the sizes that data sets are checked
    against.
    """

    observation_size: int
    action_size: int
    odometers: tuple[int, ...] = ()
    """Observation dimensions that only add up distance travelled; left out of distances
    between states."""
    repeated: tuple[int, ...] = ()
    """Observation dimensions that only repeat others, such as a last frame; left out of
    such distances, too."""
    has_success: bool = False
    """Whether steps say that the task is solved; an episode succeeds if any of its
    steps does."""
    libraries: tuple[str, ...] = ()
    """Packages besides MuJoCo and gymnasium whose versions the data name, and depend
    on."""
    scripted: bool = False
    """Whether its behaviours are scripts: then nothing was trained that a medium_replay
    could stand for."""
    bounds: Bounds | None = None
    """The environment's own action bounds where they are not +-1; `step` takes +-1 all
    the same."""

    def held_out(self) -> Physics:
        """The same task from starts that collection never has, to evaluate on.

        This simulator itself where every episode has a start of its own, drawn from
        numbers without end.
        """
        return self

    @abstractmethod
    def new_state(self) -> State:
        """A fresh state; `reset` before use."""

    @abstractmethod
    def reset(self, state: State, generator: np.random.Generator) -> None:
        """Put `state` at a random initial state."""

    @abstractmethod
    def observe(self, state: State) -> FloatArray:
        """The observation, shape (observation_size,), float64 as the physics has it."""

    @abstractmethod
    def step(self, state: State, action: FloatArray) -> Transition:
        """Apply `action`, shape (action_size,), clipped to +-1."""

    @property
    def state_dimensions(self) -> tuple[int, ...]:
        """Dimensions of an observation that together tell the state, odometers aside;
        none where they do not."""
        return ()

    def restore(self, state: State, observation: FloatArray) -> bool:
        """Put `state` where it was observed as `observation`, (observation_size,);
        odometers become 0.

        False, and `state` is nowhere in particular, where this observation does not
        tell. Only asked where there are `state_dimensions`; `reset` before use.
        """
        return False

    @abstractmethod
    def is_sound(self, state: State) -> bool:
        """Whether the simulation is still finite; one that is not has diverged and ends
        its episode."""

    @abstractmethod
    def picture(
        self,
        state: State,
        width: int,
        height: int,
    ) -> NDArray[np.uint8]:
        """A picture of `state`, (height, width, 3)."""
