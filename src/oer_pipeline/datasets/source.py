"""The file that a task's imported data come from, as a read-only Kedro dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from oer_pipeline.suites.suite import Task
    from oer_pipeline.trajectories.exchange.source import Source


class SourceDataset(AbstractDataset[Any, Any]):
    """A task's `Source` as its suite names it; nodes are made again when a file
    behind it changes."""

    is_external = True
    """Nobody's record says what the file is: it is somebody else's."""

    def __init__(
        self, task: Task, project: Path, metadata: dict[str, Any] | None = None
    ) -> None:
        self._task = task
        self._project = project
        self.metadata = metadata

    @property
    def remedy(self) -> str:
        """Who names the file, and what to do where it is missing."""
        named = f"suite {self._task.suite} names it as the source of {self._task.name}"
        return f"{named}; {self.load().remedy}"

    def load(self) -> Source:
        from oer_pipeline.trajectories.exchange.source import Source

        told = dict(self._task.source or {})
        told["root"] = str(self._project)
        return Source(**told)

    def save(self, data: Any) -> None:
        raise DatasetError("imported data are somebody else's; no node may save them")

    def paths(self) -> dict[int | None, Path]:
        """The one file, or the files of a folder, numbered."""
        files = self.load().files
        if len(files) == 1:
            return {None: files[0]}
        return dict(enumerate(files))

    def _exists(self) -> bool:
        return all(path.is_file() for path in self.paths().values())

    def _describe(self) -> dict[str, Any]:
        return {"task": self._task.name}
