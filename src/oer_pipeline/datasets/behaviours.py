"""A task's behaviour policies, as a read-only Kedro dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    from oer_pipeline.suites.scripted import Behaviours
    from oer_pipeline.suites.suite import Task


class BehaviourDataset(AbstractDataset[Any, Any]):
    """One task's behaviours: the user's own in `folder`, or the package's."""

    is_external = True
    """Nobody's record says what the file is: it is the user's, or the package's."""

    def __init__(
        self, task: Task, folder: Path, metadata: dict[str, Any] | None = None
    ) -> None:
        self._task = task
        self._folder = folder
        self.metadata = metadata
        self.remedy = (
            f"`make behaviours SUITE={task.suite}` trains what is missing;"
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

        return {None: behaviour_path(self._task.family, self._task.key, self._folder)}

    def _exists(self) -> bool:
        return self.paths()[None].is_file()

    def _describe(self) -> dict[str, Any]:
        return {"task": self._task.name, "folder": str(self._folder)}
