"""MBES: 1,000 chosen from 1,000,000 rows of 20 dimensions, on one core."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.mbes import seconds_of


def measure() -> Figure:
    return Figure("mbes_1m_seconds", seconds_of(1_000_000), 30.0, "lower")
