"""HDF5 as D4RL and Minari lay it out: what a data set has to be, and reading it in
blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.store import (
    BLOCK,
    dtype_flaw,
    list_names,
    shape_flaw,
    without_trailing_one,
)
from oer_pipeline.trajectories.schema import Array, ColumnType

HEADER = "oer_pipeline"
"""The attribute with the header of a file that this project exported."""
VERSIONS = ("v108", "v110")
"""HDF5's own formats that are written: every release since 2008 reads them, and their
metadata have checksums."""


def open_column(
    group: Any,
    name: str,
    column: ColumnType,
) -> tuple[Any, str | None]:
    """The data set `name` of `group`, and what keeps it from holding `column`; None if
    nothing does."""
    if not _is_inside(group, name):
        if _kind_of_link(group, name) is None:
            return None, f"column {name} is missing"
        wanted = "it takes data in the file itself"
        return None, f"column {name} is a link to elsewhere; {wanted}"
    flaw = _dataset_flaw(group[name], column)
    if flaw is not None:
        return None, f"column {name}: {flaw}"
    return group[name], None


def _dataset_flaw(item: Any, column: ColumnType) -> str | None:
    """What keeps an object of an HDF5 file from holding `column`."""
    import h5py

    if not isinstance(item, h5py.Dataset):
        return "found a group; it takes a data set"
    if item.is_virtual or item.external:
        return "found data kept in another file; it takes data in the file itself"
    flaw = dtype_flaw(item.dtype, column)
    if flaw is not None:
        return flaw
    if item.shape is None or len(shape_of(item, column)) != 1 + column.vector:
        return shape_flaw(item.shape, column)
    return None


@dataclass(frozen=True)
class HDF5Column:
    """A data set as a `StoredColumn`."""

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
        return _kind_of_link(self.group, name) is not None

    def column(self, name: str, column: ColumnType) -> tuple[Any, str | None]:
        item, flaw = open_column(self.group, name, column)
        if flaw is not None:
            return None, flaw
        return HDF5Column(item, shape_of(item, column)), None

    def holdings(self) -> str:
        return list_names([self._name_and_shape(name) for name in self.group])

    def _name_and_shape(self, name: str) -> str:
        """A name with the shape of what it is, `/` behind a group's; links are not
        followed."""
        import h5py

        if not _is_inside(self.group, name):
            return name
        item = self.group[name]
        if isinstance(item, h5py.Dataset):
            return f"{name} {item.shape}"
        return name if name[-1:].isdigit() else f"{name}/"


@dataclass(frozen=True)
class Joined:
    """Data sets (N, D_k) of as many rows each, read as one (N, sum of D_k).

    Attributes:
        items: in the order to join them.
    """

    items: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, int]:
        width = sum(item.shape[1] for item in self.items)
        return len(self.items[0]), width

    @property
    def nbytes(self) -> int:
        return sum(int(item.nbytes) for item in self.items)

    def __len__(self) -> int:
        return len(self.items[0])

    def __getitem__(self, rows: Any) -> Array:
        return np.concatenate([item[rows] for item in self.items], axis=1)


def parts_of_group(
    parent: Any,
    name: str,
    keys: Sequence[str] | None,
    where: str,
) -> list[str]:
    """The data sets that an observation is made of: `name` itself, or those of the
    group `name` that `keys` choose, in this order.

    Args:
        parent: the group that it is in.
        name: of the observation.
        keys: None: none are chosen, which is enough for a group of one.
        where: what errors call the parent.

    Raises:
        DataError: a group without keys or without one of them, or keys and no group.
    """
    if not is_group(parent, name):
        if keys is not None and HDF5Store(parent).has(name):
            raise DataError(
                f"{where}: observation_keys are given; {name} is no group: leave"
                " them out"
            )
        return [name]
    chosen: Sequence[str] = keys or ()
    there = sorted(parent[name])
    if not chosen and len(there) == 1:
        chosen = there
    odd = [key for key in chosen if key not in there]
    if odd or not chosen:
        what = f"{odd[0]!r} is missing" if odd else "it is a group"
        raise DataError(
            f"{where}: column {name}: {what}; it holds"
            f" {HDF5Store(parent[name]).holdings()}: choose by observation_keys, in"
            " the order to join them"
        )
    return [f"{name}/{key}" for key in chosen]


def is_group(parent: Any, name: str) -> bool:
    """`parent` has a group of that name in the file itself."""
    import h5py

    return _is_inside(parent, name) and isinstance(parent[name], h5py.Group)


def _is_inside(group: Any, name: str) -> bool:
    """`name` is there, and no part of it is a link to another place or file."""
    import h5py

    return bool(_kind_of_link(group, name) == h5py.h5l.TYPE_HARD)


def _kind_of_link(group: Any, name: str) -> int | None:
    """HDF5's type of the first link on the way to `name` that leads to another place or
    file, or else of `name` itself; None: nothing is there.

    No such link is followed: what it leads to may be damaged, or somebody else's.
    """
    import h5py

    whole = PurePosixPath(name)
    above = whole.parents[:-1]  # without the group itself
    kind = None
    for path in (*reversed(above), whole):
        try:
            kind = int(group.id.links.get_info(str(path).encode()).type)
        except (KeyError, RuntimeError):  # h5py raises either where nothing is
            return None
        if kind != h5py.h5l.TYPE_HARD:
            break
    return kind


def shape_of(item: Any, column: ColumnType) -> tuple[int, ...]:
    """The shape of a data set; a column of single values may come as (N, 1), as in some
    of D4RL's files."""
    return without_trailing_one(tuple(item.shape), column)


def blocks(item: Any) -> Iterator[tuple[int, Array]]:
    """(first row, rows) of a data set, whole chunks at a time."""
    chunk = item.chunks[0] if item.chunks else 1
    rows = max(1, BLOCK // chunk) * chunk
    for start in range(0, len(item), rows):
        yield start, item[start : start + rows]
