"""Cells per hour on two workers over twice those on one (docs/scale.md)."""

from __future__ import annotations

from benchmarks import scale
from benchmarks.figure import Figure
from benchmarks.grid_project import scratch_project


def measure() -> Figure:
    with scratch_project():
        found = scale.efficiency(scale.DEFAULT, {})
    share = found["efficiency"]
    return Figure("grid_efficiency", share, scale.LEAST_EFFICIENCY, "higher")
