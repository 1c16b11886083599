"""Where a training keeps its checkpoint and how often it takes one.

It is a node's input that says nothing of what the node makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

Checkpointing = tuple[Path, float, str | None]
"""The file, the seconds between two checkpoints, and what the training is made of."""


class CheckpointDataset(AbstractDataset[Checkpointing, Checkpointing]):
    """Loads to (`path/file`, `every_seconds`, `recipe`), whether a file is there or
    not.

    The training writes and reads the file; whoever records what it made removes it. The
    interval comes this way because parameters are fingerprinted, and it leaves every
    bit of what is made as it is. A runner that knows the fingerprint of what is made
    sets `recipe`: it is in the file's name, so that another training of the cell
    neither takes up nor replaces it.
    """

    def __init__(
        self,
        path: str,
        file: str,
        every_seconds: float = 60.0,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(path) / file
        self._every_seconds = every_seconds
        self.recipe: str | None = None
        self.metadata = metadata

    def load(self) -> Checkpointing:
        return self._file, self._every_seconds, self.recipe

    def save(self, data: Checkpointing) -> None:
        raise DatasetError("a checkpoint is its training's own; no node may save it")

    def remove(self) -> None:
        """What the training made is safe."""
        self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        if self.recipe is None:
            return self._path
        return self._path.with_stem(f"{self._path.stem}-{self.recipe[:8]}")

    def paths(self) -> dict[int | None, Path]:
        """Nothing: what a training makes does not depend on where it was
        interrupted."""
        return {}

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "every_seconds": self._every_seconds}
