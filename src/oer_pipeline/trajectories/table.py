"""The transition table: one task's episodes, one row a step, as arrays and as Parquet
(architecture, section 4).

Shapes: N rows, O observation, A action, E episodes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.trajectories import arrow
from oer_pipeline.trajectories.metadata import (
    HIGH,
    HORIZON,
    LOW,
    action_bounds,
    checked_horizon,
    terminals_are_meant,
)
from oer_pipeline.trajectories.rules import (
    FINITE,
    NEXT_KNOWN_RULE,
    ORDER,
    SUCCESS_RULE,
    below_horizon,
    bounded,
    check_rules,
    check_widths,
)
from oer_pipeline.trajectories.schema import (
    TRANSITIONS,
    Array,
    check_arrays,
    content_hash,
    present_columns,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Transitions of whole episodes in order; `metadata` says where they come from
    (plain JSON).

    Where `next_known` is false, the state after the step is not known, only that it was
    terminal: an imported file may end there. Such a row is a transition like others,
    but nothing may be learned from its `next_observation`.
    """

    observation: FloatArray  # (N, O) float32
    action: FloatArray  # (N, A) float32, as applied, within `bounds`
    next_observation: FloatArray  # (N, O) float32
    reward: FloatArray | None  # (N,) float32; None: the data have none
    terminal: BoolArray  # (N,) the MDP ended: no bootstrap
    timeout: BoolArray  # (N,) the clock ended: bootstraps
    episode: IntArray  # (N,) int32
    step: IntArray  # (N,) int32, from 0 in every episode
    metadata: Mapping[str, Any] = field(default_factory=dict)
    next_known: BoolArray | None = None  # (N,); None: all are, the only way to say so
    success: BoolArray | None = None
    """(N,) the row's episode solved its task; None: the suite does not say."""

    def __post_init__(self) -> None:
        """Say in one way that all are known, so that equal tables have equal hashes."""
        if self.next_known is not None and self.next_known.all():
            object.__setattr__(self, "next_known", None)

    def __len__(self) -> int:
        return len(self.terminal)

    def arrays(self) -> dict[str, Array]:
        """The columns by name, in the schema's order, without those that are None."""
        return present_columns(TRANSITIONS, self)

    @property
    def rewards(self) -> FloatArray:
        """`reward` where data without rewards are an error, (N,) float32.

        Raises:
            DataError: the data have none.
        """
        if self.reward is None:
            suite = self.metadata.get("suite", "?")
            task = self.metadata.get("task", "?")
            raise DataError(
                f"the data of suite {suite}, task {task} have no rewards; they can be"
                " cloned (learner.base=bc), and nothing can be asked of their rewards"
            )
        return self.reward

    @property
    def known(self) -> BoolArray:
        """Rows whose next observation is known, (N,)."""
        if self.next_known is None:
            return np.ones(len(self), dtype=bool)
        return self.next_known

    def content_hash(self) -> str:
        """SHA-256 of the arrays; the metadata does not count."""
        return content_hash(TRANSITIONS, self.arrays())

    def select(self, rows: IntArray | BoolArray | slice) -> Trajectories:
        """Some `rows` (indices, a mask, a slice) in order, metadata kept; a slice
        shares memory with this table."""
        chosen: dict[str, Any] = {}
        for name, array in self.arrays().items():
            chosen[name] = array[rows]
        return replace(self, **chosen)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest action, (A,) float32 each, in the units that the table
        stores; +-1 unless metadata say so.

        Raises:
            DataError: bounds in the metadata that are none.
        """
        return action_bounds(self.metadata, self.action.shape[1], "transition table")

    def scaled(self) -> Trajectories:
        """The table with its actions mapped from their bounds to +-1; itself when they
        are there already."""
        if LOW not in self.metadata:
            return self
        lowest, highest = self.bounds
        low = lowest.astype(np.float64)
        high = highest.astype(np.float64)
        scaled = 2.0 * (self.action - low) / (high - low) - 1.0
        action = np.clip(scaled, -1.0, 1.0).astype(np.float32)
        metadata = dict(self.metadata)
        metadata.pop(LOW, None)
        metadata.pop(HIGH, None)
        return replace(self, action=action, metadata=metadata)

    def check_scaled(self) -> None:
        """Refuse actions with other bounds than +-1: policies and models act there.

        Raises:
            DataError: the metadata have other bounds.
        """
        if LOW in self.metadata:
            lowest, highest = self.bounds
            raise DataError(
                f"actions lie within {lowest.tolist()} and {highest.tolist()};"
                " learners, models and selectors take +-1: call .scaled() on the table"
            )

    @property
    def starts(self) -> IntArray:
        """Row of each episode's first step, (E,)."""
        changes = self.episode[1:] != self.episode[:-1]
        first = np.concatenate(([True], changes))
        return np.flatnonzero(first[: len(self)])

    @property
    def lengths(self) -> IntArray:
        """Steps of each episode, (E,)."""
        return np.diff(np.append(self.starts, len(self)))

    @property
    def solved(self) -> BoolArray | None:
        """Whether each episode solved its task at any step, (E,); None where the suite
        does not say."""
        return None if self.success is None else self.success[self.starts]

    @property
    def returns(self) -> FloatArray:
        """Undiscounted return of each episode, (E,) float64.

        Raises:
            DataError: the data have no rewards.
        """
        return np.asarray(np.add.reduceat(self.rewards, self.starts, dtype=np.float64))

    @property
    def terminal_at_horizon(self) -> int | None:
        """How many rows are terminal at the horizon that the metadata give; None when
        they give none."""
        horizon = self.metadata.get(HORIZON)
        if horizon is None:
            return None
        at_horizon = self.step == horizon - 1
        return int(np.count_nonzero(self.terminal & at_horizon))


def validate_trajectories(trajectories: Trajectories, where: str) -> None:
    """Hold a table against every rule.

    A terminal flag at the horizon is no fault, but logged; not of tables that were
    rolled out here, for there the environment itself said that the MDP ended, nor where
    the suite said that it did.

    Args:
        trajectories: N rows.
        where: the file, as errors call it.

    Raises:
        DataError: names `where`, column, row and rule; action bounds or a horizon in
            the metadata that are none.
    """
    columns = trajectories.arrays()
    metadata = trajectories.metadata
    check_arrays(TRANSITIONS, columns, where)
    check_widths(columns, "observation", "next_observation", where)
    low, high = action_bounds(metadata, columns["action"].shape[1], where)
    horizon = checked_horizon(metadata, where)
    rules = [*FINITE, bounded("action", low, high), *ORDER]
    rules += [NEXT_KNOWN_RULE, SUCCESS_RULE]
    if horizon is not None:
        rules.append(below_horizon(horizon))
    check_rules(rules, columns, where)
    at_horizon = trajectories.terminal_at_horizon
    if at_horizon and not terminals_are_meant(metadata):
        logger.warning(
            "%s: %d episodes are terminal at the horizon; a time-out was probably"
            " meant",
            where,
            at_horizon,
        )


def write_trajectories(
    path: Path,
    trajectories: Trajectories,
    where: str = "",
) -> None:
    """Validate and write; errors call the place `where` (`path` when empty).

    Raises:
        DataError: the table breaks a rule of `validate_trajectories`.
    """
    validate_trajectories(trajectories, where or str(path))
    arrow.write(path, TRANSITIONS, trajectories.arrays(), trajectories.metadata, where)


def read_trajectories(path: Path) -> Trajectories:
    """Read and validate.

    Raises:
        DataError: the file is not a sound transition table (`arrow.read`,
            `validate_trajectories`).
    """
    arrays, metadata = arrow.read(path, TRANSITIONS)
    columns: dict[str, Any] = {"reward": None, **arrays}
    trajectories = Trajectories(**columns, metadata=metadata)
    validate_trajectories(trajectories, str(path))
    return trajectories
