"""How many times faster a million rows become arrays than by way of pandas; ours also
validates and hashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.made_up import trajectories
from benchmarks.timing import seconds
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import read_trajectories, write_trajectories

ROWS = 1_000_000


def measure() -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_trajectories(path, trajectories(ROWS))
        ours = min(seconds(lambda: read_trajectories(path)) for _ in range(3))
        theirs = min(seconds(lambda: by_pandas(path)) for _ in range(2))
    return Figure("table_read_vs_pandas", theirs / ours, 4.0, "higher")


def by_pandas(path: Path) -> dict[str, np.ndarray]:
    """Vectors come as one array a row, to be stacked."""
    import pandas as pd

    frame = pd.read_parquet(path)
    return {
        name: np.stack(frame[name].to_list())
        if column.vector
        else frame[name].to_numpy()
        for name, column in TRANSITIONS.columns.items()
    }
