"""A table in the making: a foreign file's arrays under the table's names, what was
repaired, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, IntArray
from oer_pipeline.trajectories.exchange.foreign_data import ForeignData
from oer_pipeline.trajectories.exchange.round_trip import restore
from oer_pipeline.trajectories.exchange.row_names import RowNames
from oer_pipeline.trajectories.schema import Array
from oer_pipeline.trajectories.table import Trajectories


def no_repairs() -> dict[str, Any]:
    """The record of repairs, before anything was repaired."""
    return {
        "clipped_actions": 0,
        "terminals_to_timeouts": 0,
        "split_at_horizon": 0,
        "next_observations_derived": 0,
        "rows_dropped": 0,
        "largest_excess": 0.0,
        "narrowed": {},
    }


@dataclass
class Draft:
    """Columns by the table's names; `next_observation`, `timeout`, `episode` and `step`
    may still be missing."""

    columns: dict[str, Array]
    names: Mapping[str, str]
    """What the file calls the table's columns."""
    native: bool
    """The file is a transition table of this project: its episodes and flags mean what
    they mean here."""
    description: Mapping[str, Any] | None
    """What the file says of itself; of a native table its metadata."""
    repairs: dict[str, Any] = field(default_factory=no_repairs)
    """What was changed; metadata `mended` of the table."""
    flaws: list[str] = field(default_factory=list)
    action_space: tuple[list[float], list[float]] | None = None
    """Lowest and highest action where the file states its space."""
    rows: RowNames = field(default_factory=RowNames)
    """What errors call the file's rows."""

    @classmethod
    def of_table(
        cls,
        columns: Mapping[str, Array],
        metadata: Mapping[str, Any],
    ) -> Draft:
        """A table of this project, sound or not.

        Args:
            columns: arrays by the table's names.
            metadata: of the table.
        """
        return cls(dict(columns), names={}, native=True, description=metadata)

    @classmethod
    def of_foreign(cls, data: ForeignData) -> Draft:
        """A foreign file, or an export of this project.

        Args:
            data: as a reader of the format gives them.

        Raises:
            DataError: an export of a replay buffer, or one that is not as it was
                written.
        """
        if data.header is not None:
            table = restore(data)
            if not isinstance(table, Trajectories):
                raise DataError(
                    f"{data.where}: it holds a replay buffer; a task's source is a"
                    " transition table"
                )
            return cls.of_table(table.arrays(), table.metadata)
        columns = data.columns()
        columns.setdefault("terminal", np.zeros(len(data.observations), dtype=bool))
        draft = cls(
            columns,
            data.names,
            native=False,
            description=data.description,
            action_space=data.action_space,
            rows=data.rows,
        )
        narrowed = {name: dict(record) for name, record in data.narrowed.items()}
        draft.repairs["narrowed"] = narrowed
        if data.episodes is not None:
            draft.number_steps(data.episodes)
        return draft

    def name(self, column: str) -> str:
        """What the file calls a column."""
        return self.names.get(column, column)

    def place(self, column: str, row: int) -> str:
        """A row of a column, as the file has it."""
        return f"column {self.name(column)}, {self.rows(row, column)}"

    def number_steps(self, episode: IntArray) -> None:
        """Number the steps of episodes, (N,) each row's, and the episodes from 0."""
        columns = self.columns
        columns["episode"], columns["step"] = episodes_and_steps(last_rows(episode))


def last_rows(episode: IntArray) -> BoolArray:
    """(N,) whether a row is its episode's last."""
    return np.append(episode[1:] != episode[:-1], True)


def episodes_and_steps(ends: BoolArray) -> tuple[IntArray, IntArray]:
    """Episode and step of every row, (N,) int32 each.

    Args:
        ends: (N,) whether the row ends an episode.
    """
    is_first = np.concatenate(([True], ends[:-1]))
    starts = np.flatnonzero(is_first).astype(np.int32)
    lengths = np.diff(np.append(starts, len(ends)))
    episode = np.repeat(np.arange(len(starts), dtype=np.int32), lengths)
    step = np.arange(len(ends), dtype=np.int32) - np.repeat(starts, lengths)
    return episode, step
