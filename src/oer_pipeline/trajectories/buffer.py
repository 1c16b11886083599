"""The replay buffer B_n: transitions chosen from D_n, target actions, how they were
chosen (method, section 5).

Shapes: M rows, O observation, A action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.trajectories import arrow
from oer_pipeline.trajectories.rules import (
    FINITE,
    NEXT_KNOWN_RULE,
    Columns,
    Rule,
    bounded,
    check_rules,
    check_widths,
    finite,
    not_negative,
)
from oer_pipeline.trajectories.schema import (
    NEXT_KNOWN,
    REWARD,
    TRANSITION,
    Array,
    ColumnType,
    Schema,
    check_arrays,
    content_hash,
    present_columns,
)

BUFFER = Schema(
    "buffer",
    1,
    {
        **TRANSITION,
        "target_action": ColumnType("float32", vector=True),
        "row": ColumnType("int64"),
        "order": ColumnType("int32"),
        "rollout": ColumnType("int32"),
        "step": ColumnType("int32"),
        "distance": ColumnType("float32"),
        "uncertainty": ColumnType("float32"),
        "walked": ColumnType("bool"),
    },
    NEXT_KNOWN,
    REWARD,
)


def _taken_twice(columns: Columns) -> BoolArray:
    _, first = np.unique(columns["row"], return_index=True)
    again = np.ones(len(columns["row"]), dtype=bool)
    again[first] = False
    return again


RULES = (
    *FINITE,
    finite("target_action"),
    bounded("action"),
    bounded("target_action"),
    not_negative("row"),
    Rule("row", "must be distinct; this row of D_n is there before", _taken_twice),
    NEXT_KNOWN_RULE,
)


@dataclass(frozen=True, eq=False)
class ReplayBuffer:
    """At most M real transitions of one task and how they were chosen; `distance` and
    `uncertainty` may be NaN."""

    observation: FloatArray  # (M, O) float32
    action: FloatArray  # (M, A) float32
    next_observation: FloatArray  # (M, O) float32
    reward: FloatArray | None  # (M,) float32; None: the data have none
    terminal: BoolArray  # (M,)
    timeout: BoolArray  # (M,)
    target_action: FloatArray  # (M, A) float32, a_hat
    row: IntArray  # (M,) int64, index in D_n
    order: IntArray  # (M,) int32, when it was chosen
    rollout: IntArray  # (M,) int32
    step: IntArray  # (M,) int32, inside the roll-out
    distance: FloatArray  # (M,) float32, prediction to sample
    uncertainty: FloatArray  # (M,) float32, u(s, a)
    walked: BoolArray  # (M,) reached by a walk; false: filled
    metadata: Mapping[str, Any] = field(default_factory=dict)
    next_known: BoolArray | None = None  # (M,); None: all are (`Trajectories`)

    def __post_init__(self) -> None:
        """Say in one way that all are known, so that equal buffers have equal
        hashes."""
        if self.next_known is not None and self.next_known.all():
            object.__setattr__(self, "next_known", None)

    def __len__(self) -> int:
        return len(self.row)

    def arrays(self) -> dict[str, Array]:
        """The columns by name, in the schema's order, without those that are None."""
        return present_columns(BUFFER, self)

    @property
    def replay_bytes(self) -> int:
        """Bytes of what replay keeps: the transitions and their target actions, without
        the record."""
        arrays = self.arrays()
        kept = set(arrays) & {*TRANSITION, "target_action"}
        return sum(arrays[name].nbytes for name in kept)

    def content_hash(self) -> str:
        """SHA-256 of the arrays; the metadata does not count."""
        return content_hash(BUFFER, self.arrays())


def validate_buffer(buffer: ReplayBuffer, where: str) -> None:
    """Hold a buffer against every rule.

    Raises:
        DataError: names `where`, column, row and rule.
    """
    columns = buffer.arrays()
    check_arrays(BUFFER, columns, where)
    check_widths(columns, "observation", "next_observation", where)
    check_widths(columns, "action", "target_action", where)
    check_rules(RULES, columns, where)


def write_buffer(
    path: Path,
    buffer: ReplayBuffer,
    where: str = "",
) -> None:
    """Validate and write; errors call the place `where` (`path` when empty).

    Raises:
        DataError: the buffer breaks a rule.
    """
    validate_buffer(buffer, where or str(path))
    arrow.write(path, BUFFER, buffer.arrays(), buffer.metadata, where)


def read_buffer(path: Path) -> ReplayBuffer:
    """Read and validate.

    Raises:
        DataError: the file is not a sound buffer.
    """
    arrays, metadata = arrow.read(path, BUFFER)
    columns: dict[str, Any] = {"reward": None, **arrays}
    buffer = ReplayBuffer(**columns, metadata=metadata)
    validate_buffer(buffer, str(path))
    return buffer
