"""The behaviour policies that come with the package, as a read-only Kedro dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

if TYPE_CHECKING:
    from oer_pipeline.suites.behaviour import BehaviourFile


class BehaviourDataset(AbstractDataset[Any, Any]):
    """One task's `BehaviourFile`; `make behaviours` writes them, no node does."""

    def __init__(self, suite: str, task: str, metadata: dict[str, Any] | None = None) -> None:
        self._suite, self._task = suite, task
        self.metadata = metadata

    def load(self) -> BehaviourFile:
        from oer_pipeline.suites.behaviour import BehaviourFile

        return BehaviourFile.load(self.paths()[None])

    def save(self, data: Any) -> None:
        raise DatasetError("behaviour policies are trained by `make behaviours`; no node may save them")

    def paths(self) -> dict[int | None, Path]:
        """The one file."""
        from oer_pipeline.suites.behaviour import committed

        return {None: committed(self._suite, self._task)}

    def _exists(self) -> bool:
        return self.paths()[None].is_file()

    def _describe(self) -> dict[str, Any]:
        return {"suite": self._suite, "task": self._task}
