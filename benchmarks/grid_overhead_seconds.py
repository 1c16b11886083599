"""What a test-size cell costs beside its nodes inside a grid: the worse of one where
every node is kept and of one where every node is run (docs/scale.md)."""

from __future__ import annotations

from benchmarks import scale
from benchmarks.figure import Figure
from benchmarks.grid_project import scratch_project


def measure() -> Figure:
    with scratch_project():
        found = scale.overhead(scale.DEFAULT, {})
    worse = found["worse_seconds"]
    return Figure("grid_overhead_seconds", worse, scale.MOST_OVERHEAD, "lower")
