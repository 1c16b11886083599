"""Where a training keeps its checkpoint: a path as a node's input, which says nothing of what the node makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError


class CheckpointDataset(AbstractDataset[Path, Path]):
    """Loads to the path `path/file`, whether a file is there or not; the training writes, reads and removes it."""

    def __init__(self, path: str, file: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path) / file
        self.metadata = metadata

    def load(self) -> Path:
        return self._path

    def save(self, data: Path) -> None:
        raise DatasetError("a checkpoint is its training's own; no node may save it")

    def paths(self) -> dict[int | None, Path]:
        """Nothing: what a training makes does not depend on where it was interrupted."""
        return {}

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
