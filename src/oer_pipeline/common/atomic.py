"""A file, or a folder, appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; on leaving, it is fsynced and
    takes the place of `path`.

    When anything fails, the old file stays as it was and the temporary one goes. A
    killed process may leave `.{name}.{token}.tmp` behind, which nothing reads. Missing
    folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        _fsync(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _fsync(path.parent)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole file at once (`atomic_path`); text in UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside `path`; on leaving, it gets that name.

    When anything fails, the folder goes; nothing is at `path` then.

    Raises:
        OSError: a folder with something in it, or a file, is at `path`.
    """
    temporary = _beside(path)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _fsync(file)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _fsync(path.parent)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
