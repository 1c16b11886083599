"""The file that a task's imported data come from, as a read-only Kedro dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

if TYPE_CHECKING:
    from oer_pipeline.trajectories.exchange.source import Source


class SourceDataset(AbstractDataset[Any, Any]):
    """A task's `Source` as its suite names it; nodes are made again when the file
    behind it changes."""

    def __init__(
        self,
        task: str,
        sequence: str,
        project: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._name, self._task, self._project = (
            task,
            json.loads(unquote(sequence))[task],
            project,
        )
        self.metadata = metadata

    @property
    def remedy(self) -> str:
        """Who names the file, and what to do where it is missing."""
        suite, source = self._task["suite"], self.load()
        return f"suite {suite} names it as the source of {self._name}; {source.remedy}"

    def load(self) -> Source:
        from oer_pipeline.trajectories.exchange.source import Source

        return Source(**{**self._task["source"], "root": self._project})

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
        return {"task": self._name}
