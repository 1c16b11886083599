"""A file, or a folder, appears whole or not at all.

What is written gets its name at the end. Until then it is called
`.{name}.{writer}.{token}.tmp`, where the writer is a machine and a process: what a
killed one left behind can be told from what a living one is writing (`sweep`).
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from oer_pipeline.common.storage import storage_error

OLD_SECONDS = 3600.0
"""Nobody writes to a temporary file that has not changed for so long."""
TEMPORARY = re.compile(r"\..+?\.(?:([0-9a-f]{8})-(\d+)\.)?[0-9a-f]{8}\.tmp")
"""Names of temporary files; the writer's machine and process, if given."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc/self/ns/pid")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; on leaving, it is fsynced and
    takes the place of `path`.

    When anything fails, the old file stays as it was and the temporary one goes. A
    killed process may leave it behind; nothing reads it. Missing folders are made.

    Raises:
        StorageError: the disk is full, or does not let it be written.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _fsync(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):  # where even its folder is none
            temporary.unlink(missing_ok=True)
        refused = storage_error(path, error)
        if refused is not None:
            raise refused from error
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
        StorageError: the disk is full, or does not let it be written.
    """
    temporary = _beside(path)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            _fsync(file)
        temporary.rename(path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        refused = storage_error(path, error)
        if refused is not None:
            raise refused from error
        raise
    _fsync(path.parent)


def sweep(folder: Path) -> list[Path]:
    """Remove what killed writers left in a folder; what was removed."""
    removed = []
    for path in sorted(folder.glob(".*.tmp")):
        if not is_abandoned(path):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed.append(path)
    return removed


def is_abandoned(path: Path) -> bool:
    """Whether the writer of a temporary file or folder has ended.

    Of a writer on another machine, as of one that gives no name, its age has to tell.
    """
    name = TEMPORARY.fullmatch(path.name)
    if name is None:
        return False
    machine, process = name.groups()
    if machine == _machine():
        return not _is_alive(int(process))
    try:
        changed = path.stat().st_mtime
    except FileNotFoundError:  # its writer has just finished
        return False
    return time.time() - changed > OLD_SECONDS


def _beside(path: Path) -> Path:
    writer = f"{_machine()}-{os.getpid()}"
    return path.with_name(f".{path.name}.{writer}.{secrets.token_hex(4)}.tmp")


@cache
def _machine() -> str:
    """A hash of what numbers processes: a machine since it was started, and on it a
    container."""
    facts = [platform.node()]
    if BOOT.is_file():
        facts.append(BOOT.read_text())
    if PROCESSES.is_symlink():
        facts.append(os.readlink(PROCESSES))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
