"""How many times faster MBES is than a numpy loop with one walker and a full argmin, 1,000 of 100,000 rows."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.made_up import request, trajectories
from benchmarks.mbes import naive, seconds_of
from benchmarks.timing import seconds

ROWS = 100_000


def measure() -> Figure:
    ours = seconds_of(ROWS)
    asked = request(trajectories(ROWS))
    return Figure("mbes_vs_naive", seconds(lambda: naive(asked)) / ours, 10.0, "higher")
