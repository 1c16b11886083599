"""Reading files that may be damaged: every failure is one DataError that names the
file, and no memory is allocated for more rows than a file can hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oer_pipeline.common.errors import DataError, OERError, one_line

BEST_COMPRESSION = 1032
"""deflate's limit, the tightest of the codecs in use: no file holds more than so many
times its own bytes."""


@contextmanager
def reading(where: str, what: str) -> Iterator[None]:
    """Whatever goes wrong inside is one DataError: `where` is not a readable `what`,
    and why.

    Args:
        where: what errors call the file.
        what: the kind of file, such as `HDF5 file`.

    Raises:
        DataError: instead of every error that is not the project's own.
    """
    try:
        yield
    except OERError:
        raise
    except Exception as error:
        # A damaged file makes Arrow and HDF5 raise nearly every kind there is.
        cause = one_line(error)
        raise DataError(
            f"{where}: not a readable {what} (truncated or corrupt?): {cause}"
        ) from error


def check_file(path: Path) -> None:
    """There is such a file.

    Raises:
        DataError: nothing is there, or a folder.
    """
    if path.is_dir():
        raise DataError(f"{path}: found a folder; it takes a file")
    if not path.is_file():
        raise DataError(f"{path}: no such file")


def check_claim(where: str, rows: int, size: int, file_size: int) -> None:
    """See that the rows that a file claims to have can be in it, and fit into memory.

    Args:
        where: what errors call the file.
        rows: how many it claims.
        size: bytes of all rows in memory.
        file_size: bytes of the file.

    Raises:
        DataError: they cannot.
    """
    if size > BEST_COMPRESSION * file_size:
        raise DataError(
            f"{where}: claims {rows} rows of {size} bytes in all; a file of {file_size}"
            " bytes cannot"
        )
    check_memory(where, rows, size)


def check_memory(where: str, rows: int, size: int) -> None:
    """See that so many rows fit into memory.

    Args:
        where: the file, as errors call it.
        rows: that it has.
        size: bytes of all of them in memory.

    Raises:
        DataError: they do not.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise DataError(
            f"{where}: {rows} rows take {size} bytes of memory; this machine has"
            f" {memory}: cut the file"
        )
