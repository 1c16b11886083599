"""Wall time of a test-size `kedro run` minus its nodes, database present: the worse of
a second run, where every node is kept, and of one that is forced to run all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.timing import seconds

ROOT = Path(__file__).parents[1]
IN_NODES = re.compile(r"(\d+\.\d+) s in \d+ nodes")
QUIET = {
    "OMP_NUM_THREADS": "1",
    "KEDRO_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def measure() -> Figure:
    run_outside_nodes()  # makes what the measured runs find up to date
    worse = max(run_outside_nodes(), run_outside_nodes("--params=force=true"))
    return Figure("kedro_overhead_seconds", worse, 8.0, "lower")


def run_outside_nodes(*arguments: str) -> float:
    """Seconds that `kedro run --env=test` spends outside its nodes."""
    command = [sys.executable, "-m", "kedro", "run", "--env=test", *arguments]
    printed: list[str] = []

    def run() -> None:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **QUIET},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)}"
                f" failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        printed.append(" ".join((done.stdout + done.stderr).split()))

    wall = seconds(run)
    found = IN_NODES.search(printed[0])
    if found is None:
        raise RuntimeError(
            "kedro run did not print how long its nodes took, '<x> s in <n> nodes'"
        )
    return wall - float(found.group(1))
