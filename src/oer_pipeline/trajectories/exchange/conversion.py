"""A foreign column converted to this project's dtype block by block, so that no file is
in memory twice; what is lost is counted.

Shapes: N rows, D dimensions of a vector column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.row_names import row_name
from oer_pipeline.trajectories.schema import Array, ColumnType

LARGEST = np.finfo(np.float32).max


class ColumnConverter:
    """Fills `array`, (N,) or (N, D), with blocks of rows of another dtype."""

    def __init__(self, where: str, array: Array) -> None:
        self.array = array
        self._where = where

    def put(
        self,
        start: int,
        block: Array,
        part: str = "",
        first: int | None = None,
    ) -> None:
        """Fill some rows.

        Args:
            start: the first of them.
            block: their values, of any numeric dtype.
            part: of the file that they come from, where it keeps episodes apart.
            first: where the first of them stands in it; None: at `start`.

        Raises:
            DataError: a value that the column's dtype cannot hold, with its row.
        """
        filled = self.array[start : start + len(block)]
        block = block.reshape(filled.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            filled[...] = block
        if block.dtype == filled.dtype:
            return
        odd = np.argwhere(self._lost(block, filled))
        if not odd.size:
            return
        place = tuple(odd[0])
        row = (start if first is None else first) + int(place[0])
        raise DataError(
            f"{self._where}, {row_name(row, part)}: must be {self._takes}; found"
            f" {block[place]}"
        )

    def _lost(self, block: Array, filled: Array) -> Array:
        """Which values the column cannot hold: whole numbers and flags have to come out
        as they went in."""
        return np.asarray(filled != block)

    @property
    def _takes(self) -> str:
        if self.array.dtype == np.bool_:
            return "0 or 1"
        return f"within {self.array.dtype}'s range"

    @property
    def record(self) -> dict[str, Any] | None:
        """What narrowing changed; None where the file's own dtype was no wider."""
        return None


class FloatConverter(ColumnConverter):
    """float32 of float32 or float64."""

    def __init__(self, where: str, array: Array) -> None:
        super().__init__(where, array)
        self._wide = False
        self._changed = 0
        self._largest = 0.0

    def _lost(self, block: Array, filled: Array) -> Array:
        """Those beyond float32's range; what else narrowing changes is counted."""
        if block.dtype.itemsize == filled.itemsize:  # float32 of the other byte order
            return np.zeros(len(block), dtype=bool)
        with np.errstate(invalid="ignore"):
            error = np.abs(filled - block)
        largest = np.fmax.reduce(error, axis=None, initial=0.0)
        self._wide = True
        self._changed += int(np.count_nonzero(error > 0))
        self._largest = float(np.fmax(self._largest, largest))
        return np.asarray(np.isinf(error) & np.isfinite(block))

    @property
    def _takes(self) -> str:
        return f"within float32's range of +-{LARGEST:.3g}"

    @property
    def record(self) -> dict[str, Any] | None:
        if not self._wide:
            return None
        return {
            "from": "float64",
            "changed": self._changed,
            "largest_error": self._largest,
        }


def converter_into(array: Array, where: str) -> ColumnConverter:
    """What fills an array, or the part of one that a view shows; errors call it
    `where`."""
    kind = FloatConverter if array.dtype == np.float32 else ColumnConverter
    return kind(where, array)


def new_converter(
    column: ColumnType,
    shape: tuple[int, ...],
    where: str,
) -> ColumnConverter:
    """What fills a new column of that shape; errors call it `where`."""
    return converter_into(np.empty(shape, dtype=column.dtype), where)
