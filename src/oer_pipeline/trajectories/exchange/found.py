"""What a foreign file holds, before it is held against a task.

Shapes: N rows, O observation, A action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.trajectories.schema import TRANSITION, Array

D4RL_NAMES = {
    "observation": "observations",
    "action": "actions",
    "next_observation": "next_observations",
    "reward": "rewards",
    "terminal": "terminals",
    "timeout": "timeouts",
}
"""Our column -> D4RL's."""

MINARI_NAMES = {
    **D4RL_NAMES,
    "next_observation": "observations",
    "terminal": "terminations",
    "timeout": "truncations",
}
"""Our column -> Minari's, whose observations have one row more than an episode has
steps."""

INFOS = "infos"
"""The group of whatever else our data have, in both formats."""


@dataclass(frozen=True, eq=False)
class Found:
    """Arrays of a file in our dtypes; what the format may leave out is None."""

    where: str  # the file, as errors call it
    names: Mapping[str, str]  # our columns as the format calls them
    observations: FloatArray  # (N, O) float32
    actions: FloatArray  # (N, A) float32, in the file's units
    rewards: FloatArray | None  # (N,) float32; None: the file has none
    terminals: BoolArray | None  # (N,); None: the file says of none
    timeouts: BoolArray | None  # (N,)
    next_observations: FloatArray | None  # (N, O) float32
    episodes: IntArray | None = None  # (N,) int32, where the format has episodes
    narrowed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Column -> {from, changed, largest_error} of what was float64."""
    says: Mapping[str, Any] | None = None
    """What the file says of itself, plain JSON."""
    header: Mapping[str, str] | None = None
    """Of a file that we exported (`trajectories.header`)."""
    infos: Mapping[str, Array] = field(default_factory=dict)
    """What a file of ours has besides."""
    action_space: tuple[list[float], list[float]] | None = None
    """Lowest and highest action, (A,) each, as the file itself says its space."""

    def columns(self) -> dict[str, Array]:
        """What is there, by our names, in the schema's order."""
        every = {name: getattr(self, D4RL_NAMES[name]) for name in TRANSITION}
        return {
            **{name: array for name, array in every.items() if array is not None},
            **self.infos,
        }
