"""Which MLflow run is at work: each has a lock, which ends with its process."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
from pathlib import Path

from oer_pipeline.common.locks import FOLDER, hold, is_held

PROJECT_TAG = "project"
"""Tag: a hash of the machine and the folder of the project."""
LOCK_TAG = "lock"
"""Tag: which of the project's locks the run holds."""


class RunLock:
    """The lock of a run, held until `end` or the end of this process.

    Args:
        project: its folder.
    """

    def __init__(self, project: Path) -> None:
        self._folder = project / FOLDER
        token = secrets.token_hex(8)
        self._path = self._path_of(token)
        self._handle: int | None = hold(self._path)
        where = f"{platform.node()}:{project.absolute()}"
        place = hashlib.sha256(where.encode()).hexdigest()[:16]
        self.tags = {PROJECT_TAG: place, LOCK_TAG: token}

    def is_at_work(self, token: str) -> bool:
        """Whether the process of the run with this lock lives; its file goes if not."""
        path = self._path_of(token)
        if is_held(path):
            return True
        path.unlink(missing_ok=True)
        return False

    def end(self) -> None:
        """Give the lock back; twice does no harm."""
        if self._handle is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def _path_of(self, token: str) -> Path:
        name = token if token.isalnum() else "none"
        return self._folder / f"run_{name}.lock"
