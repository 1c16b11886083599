"""What an environment family has to provide: one task's simulator, stepped through explicit MuJoCo states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NamedTuple

import gymnasium
import mujoco
import numpy as np

from oer_pipeline.types import FloatArray


class Transition(NamedTuple):
    """What one environment step returns: the reward and whether the MDP (not the clock) ended."""

    reward: float
    terminal: bool


class Physics(ABC):
    """The simulator of one task; states live outside it, in `mujoco.MjData`, so that a batch shares one model.

    Class attributes give the family's asset, frame skip, and the sizes and names that data sets are checked against.
    """

    asset: ClassVar[str]
    frame_skip: ClassVar[int]
    observation_size: ClassVar[int]
    action_size: ClassVar[int]
    odometers: ClassVar[tuple[int, ...]]
    """Observation dimensions that only add up distance travelled; left out of distances between states."""

    def __init__(self) -> None:
        assets = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
        self.model = mujoco.MjModel.from_xml_path(str(assets / self.asset))
        # MuJoCo would silently reset a state that diverged; we want to see it and end the episode.
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self.dt = self.model.opt.timestep * self.frame_skip

    def new_state(self) -> mujoco.MjData:
        """A fresh simulator state for this model."""
        return mujoco.MjData(self.model)

    @abstractmethod
    def reset(self, state: mujoco.MjData, generator: np.random.Generator) -> None:
        """Put `state` at a random initial state."""

    @abstractmethod
    def observe(self, state: mujoco.MjData) -> FloatArray:
        """The observation, shape (observation_size,), float64 as the physics has it."""

    @abstractmethod
    def step(self, state: mujoco.MjData, action: FloatArray) -> Transition:
        """Apply `action`, shape (action_size,), clipped to +-1, for `frame_skip` substeps."""


def is_finite(state: mujoco.MjData) -> bool:
    """Whether the simulation is still sound (positions and velocities finite)."""
    return bool(np.isfinite(state.qpos).all() and np.isfinite(state.qvel).all())
