"""HDF5 as D4RL and Minari lay it out: what a data set has to be, and reading it in
blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oer_pipeline.trajectories.exchange.store import told
from oer_pipeline.trajectories.schema import Array, Column

BLOCK = 65_536
"""Rows read at once."""
HEADER = "oer_pipeline"
"""The attribute with the header of a file of ours."""
VERSIONS = ("v108", "v110")
"""HDF5's own formats that are written: what is read since 2008, and metadata have
checksums."""


TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "f": (lambda t: t.kind == "f" and t.itemsize in (4, 8), "float32 or float64"),
    "b": (lambda t: t.kind in "biuf", "bool, or the numbers 0 and 1"),
    "i": (lambda t: t.kind == "i", "whole numbers"),
}
"""Kind of one of our dtypes -> (whether a foreign dtype can become it, what can)."""


def open_column(group: Any, name: str, column: Column) -> tuple[Any, str | None]:
    """The data set `name` of `group`, and what keeps it from holding `column`; None if
    nothing does."""
    import h5py

    if not _is_inside(group, name):
        missing = group.get(name, getlink=True) is None
        odd = (
            "is missing"
            if missing
            else "is a link to elsewhere; it takes data in the file itself"
        )
        return None, f"column {name} {odd}"
    item = group[name]
    if not isinstance(item, h5py.Dataset):
        return None, f"column {name}: found a group; it takes a data set"
    if item.is_virtual or item.external:
        return (
            None,
            (
                f"column {name}: found data kept in another file; it takes data in the"
                " file itself"
            ),
        )
    fits, takes = TYPES[np.dtype(column.dtype).kind]
    if not fits(item.dtype):
        return None, f"column {name}: found {item.dtype}; it takes {takes}"
    if item.shape is None or len(shape_of(item, column)) != 1 + column.vector:
        return (
            None,
            (
                f"column {name}: found shape {item.shape}; it takes"
                f" {'(N, D)' if column.vector else '(N,)'}"
            ),
        )
    return item, None


@dataclass(frozen=True)
class HDF5Column:
    """A data set as an `Item`."""

    item: Any
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return int(self.item.nbytes)

    def blocks(self) -> Iterator[tuple[int, Array]]:
        return blocks(self.item)


@dataclass(frozen=True)
class HDF5Store:
    """An open file or a group of one."""

    group: Any

    def has(self, name: str) -> bool:
        return self.group.get(name, getlink=True) is not None

    def column(self, name: str, column: Column) -> tuple[Any, str | None]:
        item, flaw = open_column(self.group, name, column)
        return (
            (None, flaw) if flaw else (HDF5Column(item, shape_of(item, column)), None)
        )

    def holdings(self) -> str:
        return told([self._shown(name) for name in self.group])

    def _shown(self, name: str) -> str:
        """A name with the shape of what it is, `/` behind a group's; links are not
        followed."""
        import h5py

        if not _is_inside(self.group, name):
            return name
        item = self.group[name]
        if isinstance(item, h5py.Dataset):
            return f"{name} {item.shape}"
        return name if name[-1:].isdigit() else f"{name}/"


def is_group(parent: Any, name: str) -> bool:
    """`parent` has a group of that name in the file itself."""
    import h5py

    return _is_inside(parent, name) and isinstance(parent[name], h5py.Group)


def _is_inside(group: Any, name: str) -> bool:
    """`name` is there, and no link to another place or file."""
    import h5py

    try:
        return bool(group.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD)
    except (KeyError, RuntimeError):  # h5py raises either for a name that is not there
        return False


def shape_of(item: Any, column: Column) -> tuple[int, ...]:
    """The shape of a data set; a column of single values may come as (N, 1), as in some
    of D4RL's files."""
    shape = tuple(item.shape)
    return shape[:1] if not column.vector and shape[1:] == (1,) else shape


def blocks(item: Any) -> Iterator[tuple[int, Array]]:
    """(first row, rows) of a data set, whole chunks at a time."""
    chunk = item.chunks[0] if item.chunks else 1
    rows = max(1, BLOCK // chunk) * chunk
    for start in range(0, len(item), rows):
        yield start, item[start : start + rows]
