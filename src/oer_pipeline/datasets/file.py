"""The base of every dataset that is one file."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.errors import DataError


class FileDataset(AbstractDataset[Any, Any]):
    """One file, saved atomically. A subclass says how to `read` a path and how to
    `write` a value to one."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    @abstractmethod
    def read(self, path: Path) -> Any:
        """The value in the file at `path`."""

    @abstractmethod
    def write(self, path: Path, value: Any) -> None:
        """Write `value` to `path`, which is a temporary name: errors name
        `self.where`."""

    @property
    def where(self) -> str:
        """The dataset's place, for error messages."""
        return str(self._filepath)

    def load(self) -> Any:
        if not self._filepath.is_file():
            raise DataError(f"{self.where} is not there; run the stage that makes it")
        return self.read(self._filepath)

    def save(self, data: Any) -> None:
        with atomic_path(self._filepath) as temporary:
            self.write(temporary, data)

    def paths(self) -> dict[int | None, Path]:
        """Member -> file; None is what all seeds share."""
        return {None: self._filepath}

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.where}
