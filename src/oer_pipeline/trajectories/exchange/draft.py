"""A table in the making: a foreign file's arrays under our names, what was mended, and
what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, IntArray
from oer_pipeline.trajectories.exchange.found import Found
from oer_pipeline.trajectories.exchange.ours import restore
from oer_pipeline.trajectories.schema import Array
from oer_pipeline.trajectories.table import Trajectories


def nothing_mended() -> dict[str, Any]:
    """The record of repairs, before anything was."""
    counts = (
        "clipped_actions",
        "terminals_to_timeouts",
        "split_at_horizon",
        "next_observations_derived",
    )
    return {
        **dict.fromkeys(counts, 0),
        "rows_dropped": 0,
        "largest_excess": 0.0,
        "narrowed": {},
    }


@dataclass
class Draft:
    """Columns by our names; `next_observation`, `timeout`, `episode` and `step` may
    still be missing."""

    columns: dict[str, Array]
    names: Mapping[str, str]
    """What the file calls our columns."""
    ours: bool
    """The file is a transition table of ours: its episodes and flags mean what ours
    mean."""
    says: Mapping[str, Any] | None
    """What the file says of itself; of a table of ours its metadata."""
    mended: dict[str, Any] = field(default_factory=nothing_mended)
    flaws: list[str] = field(default_factory=list)
    action_space: tuple[list[float], list[float]] | None = None
    """Lowest and highest action as the file itself says its space."""

    @classmethod
    def of_table(
        cls, columns: Mapping[str, Array], metadata: Mapping[str, Any]
    ) -> Draft:
        """A table of ours, sound or not."""
        return cls(dict(columns), {}, True, metadata)

    @classmethod
    def of_found(cls, found: Found) -> Draft:
        """A foreign file, or an export of ours.

        Raises:
            DataError: an export of a replay buffer, or one that is not as it was
                written.
        """
        if found.header is not None:
            table = restore(found)
            if not isinstance(table, Trajectories):
                raise DataError(
                    f"{found.where}: it holds a replay buffer; a task's source is a"
                    " transition table"
                )
            return cls.of_table(table.arrays(), table.metadata)
        columns = found.columns()
        columns.setdefault("terminal", np.zeros(len(found.observations), dtype=bool))
        draft = cls(
            columns, found.names, False, found.says, action_space=found.action_space
        )
        draft.mended["narrowed"] = {
            name: dict(record) for name, record in found.narrowed.items()
        }
        if found.episodes is not None:
            draft.number(found.episodes)
        return draft

    def name(self, column: str) -> str:
        """What the file calls a column."""
        return self.names.get(column, column)

    def number(self, episode: IntArray) -> None:
        """Give every row its episode, and its step in it."""
        ends = np.append(episode[1:] != episode[:-1], True)
        self.columns["episode"], self.columns["step"] = numbered(ends)


def numbered(ends: BoolArray) -> tuple[IntArray, IntArray]:
    """Episode and step of every row, (N,) int32 each, given the rows that end an
    episode."""
    starts = np.flatnonzero(np.concatenate(([True], ends[:-1]))).astype(np.int32)
    lengths = np.diff(np.append(starts, len(ends)))
    episode = np.repeat(np.arange(len(starts), dtype=np.int32), lengths)
    return episode, np.arange(len(ends), dtype=np.int32) - np.repeat(starts, lengths)
