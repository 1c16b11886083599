"""What a foreign file holds, before it is held against a task.

Shapes: N rows, O observation, A action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.trajectories.exchange.row_names import RowNames
from oer_pipeline.trajectories.schema import TRANSITION, Array

D4RL_NAMES = {
    "observation": "observations",
    "action": "actions",
    "next_observation": "next_observations",
    "reward": "rewards",
    "terminal": "terminals",
    "timeout": "timeouts",
}
"""Column of the table -> D4RL's."""

MINARI_NAMES = {
    **D4RL_NAMES,
    "next_observation": "observations",
    "terminal": "terminations",
    "timeout": "truncations",
}
"""Column of the table -> Minari's, whose observations have one row more than an episode
has steps."""

INFOS = "infos"
"""The group of the columns that only this project's data have, in both formats."""


@dataclass(frozen=True, eq=False)
class ForeignData:
    """Arrays of a file in this project's dtypes; what the format may leave out is
    None."""

    where: str  # the file, as errors call it
    names: Mapping[str, str]  # the table's columns as the format calls them
    observations: FloatArray  # (N, O) float32
    actions: FloatArray  # (N, A) float32, in the file's units
    rewards: FloatArray | None  # (N,) float32; None: the file has none
    terminals: BoolArray | None  # (N,); None: the file does not have them
    timeouts: BoolArray | None  # (N,)
    next_observations: FloatArray | None  # (N, O) float32
    episodes: IntArray | None = None  # (N,) int32, where the format has episodes
    narrowed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Column -> {from, changed, largest_error} of what was float64."""
    description: Mapping[str, Any] | None = None
    """What the file says of itself, plain JSON."""
    header: Mapping[str, str] | None = None
    """Of a file that this project exported (`trajectories.header`)."""
    infos: Mapping[str, Array] = field(default_factory=dict)
    """The columns that only such a file has."""
    action_space: tuple[list[float], list[float]] | None = None
    """Lowest and highest action, (A,) each, where the file states its space."""
    rows: RowNames = field(default_factory=RowNames)
    """What errors call its rows."""

    def columns(self) -> dict[str, Array]:
        """What is there, by the table's names, in the schema's order."""
        columns = {}
        for name in TRANSITION:
            array = getattr(self, D4RL_NAMES[name])
            if array is not None:
                columns[name] = array
        return {**columns, **self.infos}
