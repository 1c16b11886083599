"""Processor, memory and GPU while a cell runs, under the names that MLflow's page
`System metrics` shows.

MLflow's own monitor asks for the run at each sample, waits without end for a server
that does not answer, and needs a package for GPUs: this one gives up at the first
failure.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from typing import Any

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between samples: they double, so that a short run has some and a long one few
hundred."""
GPU_SECONDS = 5.0
GPU_QUERY = "utilization.gpu,memory.used,memory.total,power.draw"
"""Percent, MiB, MiB, watts."""
MIB = 1.048576
"""In megabytes."""


class MachineMetrics:
    """Samples of one run, sent by a thread of their own.

    Args:
        client: of MLflow; not the one that a run is watched by.
        run: its id.
    """

    def __init__(self, client: Any, run: str) -> None:
        self._client = client
        self._run = run
        self._ended = threading.Event()
        self._began = time.monotonic()

    def start(self) -> None:
        """Begin to sample; ends with the process at the latest."""
        import psutil

        psutil.cpu_percent()  # the first one has nothing to compare with
        threading.Thread(target=self._work, name="machine", daemon=True).start()

    def end(self) -> None:
        """No further sample; twice does no harm, and nobody waits."""
        self._ended.set()

    def _work(self) -> None:
        pause = FIRST_PAUSE
        while not self._ended.wait(pause):
            try:
                metrics = self.sample()
                if not self._ended.is_set():
                    self._client.log_batch(self._run, metrics=metrics)
            except Exception:  # the run's end says what is wrong with the server
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    def sample(self) -> list[Any]:
        """What the machine does now; the step is in seconds since the run began."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        step = round(time.monotonic() - self._began)
        values = {**processor_values(), **gpu_values()}
        return [Metric(f"system/{name}", values[name], now, step) for name in values]


def processor_values() -> dict[str, float]:
    """Of the machine, and the memory of this process."""
    import psutil

    memory = psutil.virtual_memory()
    own = psutil.Process().memory_info().rss
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / 1e6,
        "system_memory_usage_percentage": memory.percent,
        "process_memory_usage_megabytes": own / 1e6,
    }


def gpu_values() -> dict[str, float]:
    """Of each GPU that `nvidia-smi` knows; none where there is no such program, or it
    fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    command = [program, f"--query-gpu={GPU_QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=GPU_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    values: dict[str, float] = {}
    for number, line in enumerate(done.stdout.splitlines()):
        told = [_number(word) for word in line.split(",")]
        if len(told) == GPU_QUERY.count(",") + 1:
            values |= _gpu(number, *told)
    return values


def _gpu(
    number: int,
    utilization: float | None,
    used: float | None,
    total: float | None,
    power: float | None,
) -> dict[str, float]:
    """What is known of one GPU."""
    share = None
    megabytes = None
    if used is not None and total:
        share = 100 * used / total
        megabytes = MIB * used
    told = {
        f"gpu_{number}_utilization_percentage": utilization,
        f"gpu_{number}_memory_usage_megabytes": megabytes,
        f"gpu_{number}_memory_usage_percentage": share,
        f"gpu_{number}_power_usage_watts": power,
    }
    return {name: value for name, value in told.items() if value is not None}


def _number(word: str) -> float | None:
    """None of `[N/A]`, as some GPUs answer."""
    try:
        return float(word)
    except ValueError:
        return None
