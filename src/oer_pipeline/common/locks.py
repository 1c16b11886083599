"""Which jobs are at work now: each holds a lock for as long as its process lives.

The operating system gives the lock back whatever ends the process, so a killed run
never looks as if it were running. Locks lie with the data, so that machines that share
the data see each other's, as far as their file system does (NFS 4, Lustre with flock).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("data/running")
POLL_SECONDS = 0.2
ASKED = 3
MOMENT_SECONDS = 0.01
"""How often, and how far apart, `is_held` asks before it says yes."""
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


def path_of(place: str) -> Path:
    """The lock of what is made at `place`, relative to the project."""
    return FOLDER / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.lock"


def hold(path: Path) -> int:
    """Hold a lock until this process ends, or until the handle that is returned is
    closed; several processes may hold the same.

    Where a file system has no locks, nobody sees that it is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return handle


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """`hold` a lock for as long as the block lasts."""
    handle = hold(path)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def alone(path: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock that one process has at a time; wait for the one that has it.

    Args:
        path: of the lock; not one that `hold` takes.
        tell: takes who has it, once, before the waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        has_to_wait = not _taken(handle)
        if has_to_wait:
            tell(os.pread(handle, 200, 0).decode(errors="replace") or "another process")
        while has_to_wait:
            time.sleep(POLL_SECONDS)
            has_to_wait = not _taken(handle)
        since = time.strftime("%Y-%m-%d %H:%M")
        holder = f"process {os.getpid()} of {platform.node()}, since {since}"
        os.ftruncate(handle, 0)
        os.pwrite(handle, holder.encode(), 0)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    """Whether the lock is ours now; where a file system has no locks, it is."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True


def is_held(path: Path) -> bool:
    """Whether a process holds the lock. Who asks takes it for a moment, so that it is
    asked again where it seems to be held."""
    for _ in range(ASKED - 1):
        if not _seems_held(path):
            return False
        time.sleep(MOMENT_SECONDS)
    return _seems_held(path)


def _seems_held(path: Path) -> bool:
    """Whether a process holds the lock, or asks at this moment."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _taken(handle)
    finally:
        os.close(handle)
