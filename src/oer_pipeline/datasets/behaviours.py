"""A task's behaviour policies, as a read-only Kedro dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

if TYPE_CHECKING:
    from oer_pipeline.suites.scripted import Behaviours


class BehaviourDataset(AbstractDataset[Any, Any]):
    """One task's behaviours, the user's own in the folder `path`, or the package's."""

    def __init__(
        self,
        task: str,
        sequence: str,
        path: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._name, self._task, self._folder = (
            task,
            json.loads(unquote(sequence))[task],
            Path(path),
        )
        self.metadata = metadata
        self.remedy = (
            f"`make behaviours SUITE={self._task['suite']}` trains what is missing;"
            " quality=random needs none"
        )

    def load(self) -> Behaviours:
        from oer_pipeline.suites.scripted import load_behaviours

        return load_behaviours(self.paths()[None])

    def save(self, data: Any) -> None:
        raise DatasetError(
            "behaviour policies are trained by `make behaviours`; no node may save them"
        )

    def paths(self) -> dict[int | None, Path]:
        """The one file."""
        from oer_pipeline.suites.behaviour import behaviour_path
        from oer_pipeline.suites.suite import Task

        task = Task(**self._task)
        return {None: behaviour_path(task.family, task.key, self._folder)}

    def _exists(self) -> bool:
        return self.paths()[None].is_file()

    def _describe(self) -> dict[str, Any]:
        return {"task": self._name, "path": str(self._folder)}
