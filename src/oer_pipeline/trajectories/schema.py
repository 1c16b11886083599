"""What columns a kind of file holds, and the hash of their content.

Shapes: N rows, D dimensions of a vector column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common.errors import DataError

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class ColumnType:
    """What a column holds: its numpy dtype, and whether a row holds a vector (N, D) or
    one value (N,)."""

    dtype: str
    vector: bool = False

    def __str__(self) -> str:
        return f"{self.dtype} of shape {'(N, D)' if self.vector else '(N,)'}"


@dataclass(frozen=True)
class Schema:
    """What one kind of file holds; `version` rises with every change that an older
    reader would misread.

    An `optional` column is there only where it says something, and a file may lack
    those that `may_lack` names. Either counts in the content's hash, so that an older
    reader refuses the file instead of misreading it.
    """

    kind: str
    version: int
    columns: Mapping[str, ColumnType]
    optional: Mapping[str, ColumnType] = field(default_factory=dict)
    may_lack: frozenset[str] = frozenset()

    def present(self, names: Container[str]) -> dict[str, ColumnType]:
        """Every column, but only those of `optional` and `may_lack` that are among
        `names`."""
        by_choice = {*self.optional, *self.may_lack}
        present = {}
        for name, column in {**self.columns, **self.optional}.items():
            if name in names or name not in by_choice:
                present[name] = column
        return present


TRANSITION = {
    "observation": ColumnType("float32", vector=True),
    "action": ColumnType("float32", vector=True),
    "next_observation": ColumnType("float32", vector=True),
    "reward": ColumnType("float32"),
    "terminal": ColumnType("bool"),
    "timeout": ColumnType("bool"),
}
"""What every stored transition has; tables and replay buffers start with these
columns."""

REWARD = frozenset({"reward"})
"""What data to clone may lack: absent then, never zero."""

NEXT_KNOWN = {"next_known": ColumnType("bool")}
"""Whether a row's next observation is the state after its step; without the column all
are.

False in a terminal row whose file does not tell what state it ended in: its
`next_observation` only fills the place.
"""

SUCCESS = {"success": ColumnType("bool")}
"""Whether the row's episode solved its task at any step; only of suites that say so."""

TRANSITIONS = Schema(
    "transitions",
    1,
    {**TRANSITION, "episode": ColumnType("int32"), "step": ColumnType("int32")},
    {**NEXT_KNOWN, **SUCCESS},
    REWARD,
)
"""The transition table (architecture, Transition table)."""


def content_hash(schema: Schema, arrays: Mapping[str, Array]) -> str:
    """SHA-256 over names, dtypes, shapes and little-endian bytes of the arrays, in the
    schema's order."""
    digest = hashlib.sha256(f"{schema.kind}/{schema.version}\n".encode())
    for name, column in schema.present(arrays).items():
        little_endian = np.dtype(column.dtype).newbyteorder("<")
        array = np.ascontiguousarray(arrays[name], dtype=little_endian)
        digest.update(f"{name}:{column.dtype}:{array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def present_columns(schema: Schema, record: object) -> dict[str, Array]:
    """The attributes of `record` that the schema names, in its order, without those
    that are None."""
    present = {}
    for name in (*schema.columns, *schema.optional):
        column = getattr(record, name)
        if column is not None:
            present[name] = column
    return present


def check_arrays(
    schema: Schema,
    arrays: Mapping[str, Array],
    where: str,
) -> None:
    """Hold the arrays against the schema.

    Args:
        schema: of the kind of file.
        arrays: by column.
        where: the file, as errors call it.

    Raises:
        DataError: a wrong dtype or shape, columns of different lengths, no rows.
    """
    rows = len(next(iter(arrays.values())))
    for name, column in schema.present(arrays).items():
        array = arrays[name]
        if str(array.dtype) != column.dtype or array.ndim != 1 + column.vector:
            raise DataError(
                f"{where}: column {name}: found {array.dtype} of shape {array.shape};"
                f" it takes {column}"
            )
        if len(array) != rows:
            raise DataError(
                f"{where}: column {name}: found {len(array)} rows; the first column has"
                f" {rows}"
            )
    if not rows:
        raise DataError(
            f"{where}: found 0 rows; a {schema.kind} file needs at least one"
        )
