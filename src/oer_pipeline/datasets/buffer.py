"""The replay buffer as a Kedro dataset."""

from __future__ import annotations

from pathlib import Path

from oer_pipeline.datasets.file import FileDataset
from oer_pipeline.trajectories.buffer import ReplayBuffer, read_buffer, write_buffer


class BufferDataset(FileDataset):
    """`ReplayBuffer` as Parquet, held against every rule on load and on save."""

    def read(self, path: Path) -> ReplayBuffer:
        return read_buffer(path)

    def write(self, path: Path, value: ReplayBuffer) -> None:
        write_buffer(path, value, self.where)
