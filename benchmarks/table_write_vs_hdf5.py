"""How many times faster a million rows are written than as gzip HDF5; ours also
validates and hashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.made_up import trajectories
from benchmarks.timing import seconds
from oer_pipeline.trajectories.table import Trajectories, write_trajectories

ROWS = 1_000_000


def measure() -> Figure:
    data = trajectories(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        ours = min(
            seconds(lambda: write_trajectories(Path(folder) / "table.parquet", data))
            for _ in range(3)
        )
        gzip = min(
            seconds(lambda: by_hdf5(Path(folder) / "gzip.hdf5", data, "gzip"))
            for _ in range(2)
        )
        raw = min(
            seconds(lambda: by_hdf5(Path(folder) / "raw.hdf5", data, None))
            for _ in range(3)
        )
    print(
        f"(raw HDF5, which neither compresses nor checks, takes {raw / ours:.2f} of our"
        " time)"
    )
    return Figure("table_write_vs_hdf5", gzip / ours, 3.0, "higher")


def by_hdf5(path: Path, data: Trajectories, compression: str | None) -> None:
    """One data set a column, as D4RL's files are made."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in data.arrays().items():
            file.create_dataset(name, data=array, compression=compression)
