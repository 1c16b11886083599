"""Where a training keeps its checkpoint and how often it takes one.

It is a node's input that says nothing of what the node makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

Checkpointing = tuple[Path, float]
"""The file, and the seconds between two checkpoints."""


class CheckpointDataset(AbstractDataset[Checkpointing, Checkpointing]):
    """Loads to (`path/file`, `every_seconds`), whether a file is there or not.

    The training writes, reads and removes the file. The interval comes this way because
    parameters are fingerprinted, and it leaves every bit of what is made as it is.
    """

    def __init__(
        self,
        path: str,
        file: str,
        every_seconds: float = 60.0,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path, self._every_seconds = Path(path) / file, every_seconds
        self.metadata = metadata

    def load(self) -> Checkpointing:
        return self._path, self._every_seconds

    def save(self, data: Checkpointing) -> None:
        raise DatasetError("a checkpoint is its training's own; no node may save it")

    def paths(self) -> dict[int | None, Path]:
        """Nothing: what a training makes does not depend on where it was
        interrupted."""
        return {}

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "every_seconds": self._every_seconds}
