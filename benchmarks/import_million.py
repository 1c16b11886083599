"""What the import figures share: a million transitions from a D4RL file, in a process
of its own that does no more."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.timing import seconds

ROWS = 1_000_000
SMALL = 2_000


@cache
def measured() -> dict[str, float]:
    """`seconds` of the import, and `memory_ratio`: what it took of memory at its peak,
    over the arrays it returned."""
    with tempfile.TemporaryDirectory() as folder:
        for rows in (SMALL, ROWS):
            _write(Path(folder) / f"{rows}.hdf5", rows)
        child = [sys.executable, "-m", "benchmarks.import_million", folder]
        done = subprocess.run(child, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _write(path: Path, rows: int) -> None:
    """20 + 6 dimensions as D4RL files are: float64, gzip, next observations among
    them."""
    import h5py

    from benchmarks.made_up import trajectories
    from oer_pipeline.trajectories.exchange.foreign_data import D4RL_NAMES

    data = trajectories(rows)
    with h5py.File(path, "w") as file:
        for ours, theirs in D4RL_NAMES.items():
            array = getattr(data, ours)
            wide = (
                array.astype("f8")
                if array.dtype == "f4" and ours != "action"
                else array
            )
            file.create_dataset(
                theirs, data=wide, compression="gzip", compression_opts=1
            )


def _import(path: Path) -> Any:
    from oer_pipeline.suites.importing import import_source
    from oer_pipeline.suites.suite import Task
    from oer_pipeline.trajectories.exchange.source import Source

    task = Task("benchmark", 1, "cheetah_vel", {"target_velocity": 1.5}, 200)
    return import_source(Source(str(path), "d4rl"), task)


def _child(folder: Path) -> None:
    _import(folder / f"{SMALL}.hdf5")  # libraries are loaded and have what they keep
    before = _memory("VmRSS")
    tables: list[Any] = []
    taken = seconds(lambda: tables.append(_import(folder / f"{ROWS}.hdf5")))
    arrays = sum(array.nbytes for array in tables[0].arrays().values())
    print(
        json.dumps(
            {"seconds": taken, "memory_ratio": (_memory("VmHWM") - before) / arrays}
        )
    )


def _memory(what: str) -> int:
    """Bytes of memory that this process has (`VmRSS`) or had at most (`VmHWM`;
    getrusage's would be the parent's)."""
    [line] = [
        li
        for li in Path("/proc/self/status").read_text().splitlines()
        if li.startswith(what)
    ]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
