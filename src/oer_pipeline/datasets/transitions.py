"""The transition table as a Kedro dataset."""

from __future__ import annotations

from pathlib import Path

from oer_pipeline.datasets.file import FileDataset
from oer_pipeline.trajectories.table import (
    Trajectories,
    read_trajectories,
    write_trajectories,
)


class TransitionsDataset(FileDataset):
    """`Trajectories` as Parquet, held against every rule on load and on save."""

    def read(self, path: Path) -> Trajectories:
        return read_trajectories(path)

    def write(self, path: Path, value: Trajectories) -> None:
        write_trajectories(path, value, self.where)
