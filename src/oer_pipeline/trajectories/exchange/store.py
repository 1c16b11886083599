"""What every open file of columns can be asked, whatever its format: an HDF5 group, an
npz archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from oer_pipeline.trajectories.schema import Array, ColumnType

BLOCK = 65_536
"""Rows read at once."""
Shape: TypeAlias = tuple[int, ...]
MOST_NAMES = 12
LONGEST_NAME = 80
NUMBER_AT_THE_END = re.compile(r"[0-9]+$")

TAKES = {
    "f": "float32 or float64",
    "b": "bool, or the numbers 0 and 1",
    "i": "whole numbers",
}
"""Kind of a column's dtype -> the foreign dtypes that can become it, in words."""


class StoredColumn(Protocol):
    """A column in a file, not yet read."""

    @property
    def shape(self) -> Shape:
        """Rows first."""

    @property
    def nbytes(self) -> int:
        """What it takes in memory, in the file's own dtype."""

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """(first row, rows), one block after another."""


class Store(Protocol):
    """Columns by name."""

    def has(self, name: str) -> bool:
        """Whether something of that name is there, sound or not."""

    def column(self, name: str, column: ColumnType) -> tuple[Any, str | None]:
        """The `StoredColumn` of that name, and what keeps it from holding `column`;
        None if nothing does."""

    def holdings(self) -> str:
        """What is there, for errors: names with their shapes."""


def dtype_flaw(dtype: np.dtype[Any], column: ColumnType) -> str | None:
    """Why values of a foreign dtype cannot become the column's; None if they can."""
    kind = np.dtype(column.dtype).kind
    fits = {
        "f": dtype.kind == "f" and dtype.itemsize in (4, 8),
        "b": dtype.kind in "biuf",
        "i": dtype.kind == "i",
    }
    if fits[kind]:
        return None
    return f"found {dtype}; it takes {TAKES[kind]}"


def shape_flaw(shape: Shape, column: ColumnType) -> str:
    """How a shape differs from that which the column takes."""
    wanted = "(N, D)" if column.vector else "(N,)"
    return f"found shape {shape}; it takes {wanted}"


def without_trailing_one(shape: Shape, column: ColumnType) -> Shape:
    """(N,) of (N, 1) where the column takes single values; any other shape as it is."""
    if not column.vector and shape[1:] == (1,):
        return shape[:1]
    return shape


def list_names(names: Sequence[str]) -> str:
    """Names on one line: of `demo_0`, `demo_1`, ... the first and the last, and no more
    than twelve; a file may call what it holds anything."""
    families: dict[str, list[str]] = {}
    for name in names:
        stem = NUMBER_AT_THE_END.sub("", name)
        families.setdefault(stem, []).append(name)
    listed: list[str] = []
    for members in families.values():
        members.sort(key=_number)
        first = members[0]
        last = members[-1]
        if len(members) > 2:
            listed.append(f"{first} to {last}")
        else:
            listed += members
    if len(listed) > MOST_NAMES:
        more = len(listed) - MOST_NAMES
        listed = [*listed[:MOST_NAMES], f"{more} more"]
    return ", ".join(_printable(name) for name in listed) or "nothing"


def _printable(name: str) -> str:
    """Control characters escaped, a long name cut."""
    if not name.isprintable():
        name = repr(name)
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}..."
    return name


def _number(name: str) -> tuple[int, str]:
    """By number, then by name."""
    digits = NUMBER_AT_THE_END.search(name)
    if digits is None:
        return 0, name
    return int(digits[0]), name
