"""A foreign column into one of ours, block by block, so that no file is in memory
twice; what is lost is counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.schema import Array, Column

LARGEST = np.finfo(np.float32).max


class Filling:
    """An array of our dtype, (N,) or (N, D), that is filled in blocks of rows.

    `into` is an array of that shape to fill, a view of another one for instance.
    """

    def __init__(
        self,
        where: str,
        column: Column,
        shape: tuple[int, ...],
        into: Array | None = None,
    ) -> None:
        self.array = np.empty(shape, dtype=column.dtype) if into is None else into
        self._where = where

    def put(self, start: int, block: Array) -> None:
        """Fill the rows from `start` on.

        Raises:
            DataError: a value that the column's dtype cannot hold, with its row.
        """
        part = self.array[start : start + len(block)]
        block = block.reshape(part.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            part[...] = block
        if block.dtype != part.dtype:
            self._compare(start, block, part)

    def _compare(self, start: int, block: Array, part: Array) -> None:
        """Whole numbers and flags have to come out as they went in."""
        self._refuse(start, block, part != block)

    def _refuse(self, start: int, block: Array, odd: Array) -> None:
        if odd.any():
            first = tuple(np.argwhere(odd)[0])
            raise DataError(
                f"{self._where}, row {start + first[0]}: must be {self._takes}; found"
                f" {block[first]}"
            )

    @property
    def _takes(self) -> str:
        return (
            "0 or 1"
            if self.array.dtype == np.bool_
            else f"within {self.array.dtype}'s range"
        )

    @property
    def record(self) -> dict[str, Any] | None:
        """What narrowing changed; None where the file's own dtype was no wider."""
        return None


class Floats(Filling):
    """float32 of float32 or float64."""

    def __init__(
        self,
        where: str,
        column: Column,
        shape: tuple[int, ...],
        into: Array | None = None,
    ) -> None:
        super().__init__(where, column, shape, into)
        self._wide, self._changed, self._largest = False, 0, 0.0

    def _compare(self, start: int, block: Array, part: Array) -> None:
        if block.dtype.itemsize == part.itemsize:  # float32 of the other byte order
            return
        with np.errstate(invalid="ignore"):
            error = np.abs(part - block)
        self._refuse(start, block, np.isinf(error) & np.isfinite(block))
        self._wide = True
        self._changed += int(np.count_nonzero(error > 0))
        self._largest = float(
            np.fmax(self._largest, np.fmax.reduce(error, axis=None, initial=0.0))
        )

    @property
    def _takes(self) -> str:
        return f"within float32's range of +-{LARGEST:.3g}"

    @property
    def record(self) -> dict[str, Any] | None:
        return (
            {
                "from": "float64",
                "changed": self._changed,
                "largest_error": self._largest,
            }
            if self._wide
            else None
        )


def filling(
    where: str, column: Column, shape: tuple[int, ...], into: Array | None = None
) -> Filling:
    """What fills a column, or the part `into` of one; errors call it `where`."""
    kind = Floats if column.dtype == "float32" else Filling
    return kind(where, column, shape, into)
