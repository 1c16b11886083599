"""What every open file of columns can be asked, whatever its format: an HDF5 group, an
npz archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from oer_pipeline.trajectories.schema import Array, Column

MOST_NAMES = 12


class Item(Protocol):
    """A column in a file, not yet read."""

    @property
    def shape(self) -> tuple[int, ...]:
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

    def column(self, name: str, column: Column) -> tuple[Any, str | None]:
        """The `Item` of that name, and what keeps it from holding `column`; None if
        nothing does."""

    def holdings(self) -> str:
        """What is there, for errors: names with their shapes."""


def told(names: Sequence[str]) -> str:
    """Names on one line: of `demo_0`, `demo_1`, ... the first and the last, and no more
    than twelve."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(re.sub(r"[0-9]+$", "", name), []).append(name)
    shown: list[str] = []
    for members in families.values():
        in_order = sorted(members, key=_number)
        run = len(in_order) > 2
        shown += [f"{in_order[0]} to {in_order[-1]}"] if run else in_order
    more = [f"{len(shown) - MOST_NAMES} more"] if len(shown) > MOST_NAMES else []
    return ", ".join([*shown[:MOST_NAMES], *more]) or "nothing"


def _number(name: str) -> tuple[int, str]:
    digits = re.search(r"[0-9]+$", name)
    return (int(digits[0]) if digits else 0, name)
