"""Processor, memory and GPU while a cell runs, under the names that MLflow's page
`System metrics` shows.

Samples are kept until the run's end, as all that is logged of it: a server is asked
nothing meanwhile, and PER stays the first metric that a comparison of runs shows.
MLflow's own monitor asks at each sample, waits without end for a server that does not
answer, and needs a package for GPUs.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Metric

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between samples: they double, so that a short run has some and a long one few
hundred."""
GPU_SECONDS = 5.0
GPU_QUERY = "utilization.gpu,memory.used,memory.total,power.draw"
"""Percent, MiB, MiB, watts."""
MIB = 1.048576
"""Megabytes of a MiB."""
PREFIX = "system/"


@dataclass(frozen=True)
class Sample:
    """What the machine did at one time.

    Attributes:
        when: milliseconds since 1970.
        step: seconds since the run began.
        values: by name.
    """

    when: int
    step: int
    values: dict[str, float]


class MachineMetrics:
    """Samples of one run, taken by a thread of their own."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._began = time.monotonic()
        self._times = _processor_times()
        self._samples: list[Sample] = []

    def start(self) -> None:
        """Begin to sample; ends with the process at the latest."""
        threading.Thread(target=self._work, name="machine", daemon=True).start()

    def end(self) -> None:
        """No further sample; twice does no harm, and nobody waits."""
        self._ended.set()

    def metrics(self) -> list[Metric]:
        """All samples so far, and one of now, as MLflow takes them."""
        from mlflow.entities import Metric

        self._take()
        found = []
        for sample in self._samples:
            for name, value in sample.values.items():
                metric = Metric(f"{PREFIX}{name}", value, sample.when, sample.step)
                found.append(metric)
        return found

    def _work(self) -> None:
        pause = FIRST_PAUSE
        while not self._ended.wait(pause):
            self._take()
            pause = min(2 * pause, LONGEST_PAUSE)

    def _take(self) -> None:
        before = self._times
        self._times = _processor_times()
        busy = busy_percentage(before, self._times)
        values = {"cpu_utilization_percentage": busy} | memory_values() | gpu_values()
        now = int(1000 * time.time())
        step = round(time.monotonic() - self._began)
        self._samples.append(Sample(now, step, values))


def _processor_times() -> tuple[float, float]:
    """Seconds since the machine's start: of all processors together, and idle ones.

    psutil's own percentage is a thread's since its last question.
    """
    import psutil

    times = psutil.cpu_times()._asdict()
    idle = times["idle"] + times.get("iowait", 0.0)
    counted_twice = times.get("guest", 0.0) + times.get("guest_nice", 0.0)
    return sum(times.values()) - counted_twice, idle


def busy_percentage(before: tuple[float, float], after: tuple[float, float]) -> float:
    """How much of the time between was not idle; 0 where no time is between.

    Args:
        before: seconds in all, and idle.
        after: likewise, later.
    """
    passed = after[0] - before[0]
    idle = after[1] - before[1]
    if passed <= 0:
        return 0.0
    return 100 * min(1.0, max(0.0, 1 - idle / passed))


def memory_values() -> dict[str, float]:
    """Of the machine, and of this process."""
    import psutil

    memory = psutil.virtual_memory()
    own = psutil.Process().memory_info().rss
    return {
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
        answers = [_number(word) for word in line.split(",")]
        if len(answers) == GPU_QUERY.count(",") + 1:
            values |= _gpu(number, *answers)
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
    values = {
        f"gpu_{number}_utilization_percentage": utilization,
        f"gpu_{number}_memory_usage_megabytes": megabytes,
        f"gpu_{number}_memory_usage_percentage": share,
        f"gpu_{number}_power_usage_watts": power,
    }
    return {name: value for name, value in values.items() if value is not None}


def _number(word: str) -> float | None:
    """None of `[N/A]`, as some GPUs answer."""
    try:
        return float(word)
    except ValueError:
        return None
