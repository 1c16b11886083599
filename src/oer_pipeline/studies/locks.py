"""Which jobs are at work now: each holds a lock for as long as its process lives.

The operating system gives the lock back whatever ends the process, so a killed run
never looks as if it were running. Locks lie with the data, so that machines that share
the data see each other's, as far as their file system does (NFS 4, Lustre with flock).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

FOLDER = Path("data/running")


def path_of(place: str) -> Path:
    """The lock of what is made at `place`, relative to the project."""
    return FOLDER / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.lock"


def hold(path: Path) -> int:
    """Hold a lock until this process ends, or until the handle that is returned is
    closed; several processes may hold the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
