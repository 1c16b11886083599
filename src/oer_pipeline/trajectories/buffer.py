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
from oer_pipeline.trajectories.schema import (
    NEXT_KNOWN,
    REWARD,
    TRANSITION,
    Array,
    Column,
    Schema,
    check_arrays,
    content_hash,
)
from oer_pipeline.trajectories.validate import (
    KNOWN,
    Rule,
    bounded,
    check_rules,
    check_widths,
    finite,
)

BUFFER = Schema(
    "buffer",
    1,
    {
        **TRANSITION,
        "target_action": Column("float32", vector=True),
        "row": Column("int64"),
        "order": Column("int32"),
        "rollout": Column("int32"),
        "step": Column("int32"),
        "distance": Column("float32"),
        "uncertainty": Column("float32"),
        "walked": Column("bool"),
    },
    NEXT_KNOWN,
    REWARD,
)


def _taken_twice(c: Mapping[str, Array]) -> BoolArray:
    _, first = np.unique(c["row"], return_index=True)
    again = np.ones(len(c["row"]), dtype=bool)
    again[first] = False
    return again


RULES = (
    *(
        finite(name)
        for name in (
            "observation",
            "action",
            "next_observation",
            "reward",
            "target_action",
        )
    ),
    bounded("action"),
    bounded("target_action"),
    Rule("row", "must not be negative", lambda c: np.asarray(c["row"] < 0)),
    Rule("row", "must be distinct; this row of D_n is there before", _taken_twice),
    *KNOWN,
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
        every = {
            name: getattr(self, name) for name in (*BUFFER.columns, *BUFFER.optional)
        }
        return {name: column for name, column in every.items() if column is not None}

    @property
    def replay_bytes(self) -> int:
        """Bytes of what replay keeps: the transitions and their target actions, without
        the record."""
        kept = (*TRANSITION, "target_action")
        return sum(
            array.nbytes for name, array in self.arrays().items() if name in kept
        )

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


def write_buffer(path: Path, buffer: ReplayBuffer, where: str = "") -> None:
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
