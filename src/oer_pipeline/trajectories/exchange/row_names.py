"""What errors call a row of a foreign file: where the file itself has it.

Shapes: N rows of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.types import IntArray


def row_name(number: int, part: str = "") -> str:
    """A row, and the part of the file that it counts in; empty: the whole."""
    return f"row {number} of {part}" if part else f"row {number}"


@dataclass(frozen=True)
class RowNames:
    """From rows of the table to rows of the file; without arguments they are the
    same."""

    numbers: IntArray | None = None
    """(N,) where each row stands in the file, or in its own part of it."""
    parts: Sequence[str] = ()
    """What the file keeps apart, an episode each: names of groups or archives."""
    part: IntArray | None = None
    """(N,) which of them each row is in."""
    next_is_one_on: bool = False
    """Next observations are the observations of the row behind."""

    def __call__(self, row: int, column: str = "") -> str:
        """What errors call a row of one of the table's columns."""
        number = row if self.numbers is None else int(self.numbers[row])
        if self.next_is_one_on and column == "next_observation":
            number += 1
        if self.part is None:
            return row_name(number)
        return row_name(number, self.parts[int(self.part[row])])


def episode_rows(
    names: Sequence[str],
    lengths: Sequence[int],
    next_is_one_on: bool,
) -> RowNames:
    """The rows of a file that keeps its episodes apart.

    Args:
        names: of the episodes' groups or archives.
        lengths: steps of each.
        next_is_one_on: observations have one row more, and no next observations beside
            them.
    """
    part = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    starts = np.cumsum(lengths) - lengths
    numbers = np.arange(len(part)) - starts[part]
    return RowNames(numbers.astype(np.int32), names, part, next_is_one_on)
