"""npz archives: a zip of .npy arrays, read without numpy's pickles and only as far as
their headers are honest."""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.flat import (
    foreign_columns,
    narrowing,
    places_of,
    read_flat,
)
from oer_pipeline.trajectories.exchange.foreign_data import D4RL_NAMES, ForeignData
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.exchange.store import (
    BLOCK,
    dtype_flaw,
    list_names,
    shape_flaw,
    without_trailing_one,
)
from oer_pipeline.trajectories.file_checks import check_file, reading
from oer_pipeline.trajectories.schema import TRANSITION, Array, ColumnType

COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""numpy's; others may hold more times their packed size than a claim is checked for."""
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(
    path: Path,
    where: str = "",
    source: Source | None = None,
) -> ForeignData:
    """Read an archive with D4RL's columns, one array each; float64 becomes float32, and
    that is counted.

    Args:
        path: the file.
        where: what errors call it; `path` when empty.
        source: what the file calls its columns; None: as D4RL does.

    Raises:
        DataError: no such file, no npz archive, an array that is missing, of another
            dtype or shape, of Python objects, cut off, or with flags that are neither 0
            nor 1; more rows than the file can hold, or none.
    """
    check_file(path)
    where = where or str(path)
    source = source or Source(str(path), "npz")
    with open_npz(path, where) as store:
        places = places_of(source, store)
        hint = ""
        lacks_rewards = source.has_rewards and not store.has(places["reward"])
        if lacks_rewards and store.has("terminals"):
            hint = "; for OGBench's layout, a row a state, say format: ogbench"
        read = read_flat(store, places, TRANSITION, path.stat().st_size, where, hint)
    return ForeignData(
        where,
        {**D4RL_NAMES, **places},
        **foreign_columns(read),
        narrowed=narrowing(read, places),
    )


@dataclass(frozen=True)
class Header:
    """What an .npy array says of itself."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    size: int  # bytes of the header

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class NpzColumn:
    """An array of an archive as a `StoredColumn`."""

    archive: zipfile.ZipFile
    member: str
    header: Header
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return self.header.nbytes

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """Rows in blocks; an array that is stored column by column comes as one."""
        with self.archive.open(self.member) as file:
            file.read(self.header.size)
            shape = self.header.shape
            if self.header.fortran:
                flat = self._read(file, math.prod(shape))
                yield 0, flat.reshape(shape, order="F")
                return
            rows, *row_shape = shape
            width = math.prod(row_shape)
            for start in range(0, rows, BLOCK):
                count = min(BLOCK, rows - start)
                block = self._read(file, count * width)
                yield start, block.reshape(count, *row_shape)

    def _read(self, file: IO[bytes], values: int) -> Array:
        wanted = values * self.header.dtype.itemsize
        content = file.read(wanted)
        if len(content) != wanted:
            raise DataError(
                f"array {self.member}: it ends {wanted - len(content)} bytes early"
            )
        return np.frombuffer(content, dtype=self.header.dtype)


@dataclass(frozen=True)
class NpzStore:
    """An open archive; arrays go by their names without `.npy`."""

    archive: zipfile.ZipFile

    def has(self, name: str) -> bool:
        return f"{name}.npy" in self.archive.NameToInfo

    def column(self, name: str, column: ColumnType) -> tuple[Any, str | None]:
        if not self.has(name):
            return None, f"column {name} is missing"
        header, flaw = self.header(name)
        if header is None:
            return None, f"column {name}: {flaw}"
        wrong_dtype = dtype_flaw(header.dtype, column)
        if wrong_dtype is not None:
            return None, f"column {name}: {wrong_dtype}"
        shape = without_trailing_one(header.shape, column)
        if len(shape) != 1 + column.vector:
            return None, f"column {name}: {shape_flaw(header.shape, column)}"
        return NpzColumn(self.archive, f"{name}.npy", header, shape), None

    def header(self, name: str) -> tuple[Header | None, str]:
        """An array's header, or what keeps its values from being read."""
        info = self.archive.getinfo(f"{name}.npy")
        if info.compress_type not in COMPRESSIONS:
            wanted = "it takes numpy's, stored or deflated"
            return None, f"packed in way {info.compress_type}; {wanted}"
        with self.archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            if version not in HEADER_READERS:
                return None, f"found format version {version}; it takes 1.0 or 2.0"
            shape, fortran, dtype = HEADER_READERS[version](file)
            header = Header(shape, fortran, dtype, file.tell())
        if dtype.hasobject:
            objects = "found Python objects, which only unpickling reads"
            return None, f"{objects}; it takes numbers"
        held = info.file_size - header.size
        if held != header.nbytes:
            return None, f"claims {header.nbytes} bytes of values; it holds {held}"
        return header, ""

    def names(self) -> list[str]:
        """The arrays' names."""
        members = self.archive.namelist()
        return [name.removesuffix(".npy") for name in members if name.endswith(".npy")]

    def holdings(self) -> str:
        return list_names([self._name_and_shape(name) for name in self.names()])

    def _name_and_shape(self, name: str) -> str:
        header, _ = self.header(name)
        return f"{name} (not readable)" if header is None else f"{name} {header.shape}"


@contextmanager
def open_npz(path: Path, where: str) -> Iterator[NpzStore]:
    """An archive to read from.

    Args:
        path: of the archive.
        where: what errors call it.

    Raises:
        DataError: the file is none, or whatever goes wrong while it is open.
    """
    with reading(where, "npz archive"):
        if not zipfile.is_zipfile(path):
            raise DataError(f"{where}: not an npz archive: it is no whole zip file")
        with zipfile.ZipFile(path) as archive:
            for name, count in Counter(archive.namelist()).items():
                if count > 1:
                    raise DataError(
                        f"{where}: array {list_names([name])} is there twice; each is"
                        " one column"
                    )
            yield NpzStore(archive)
