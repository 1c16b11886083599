"""MBES: 1,000 chosen from 100,000 rows of 20 dimensions, on one core."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.mbes import seconds_of


def measure() -> Figure:
    return Figure("mbes_100k_seconds", seconds_of(100_000), 5.0, "lower")
