"""Memory that importing a million transitions takes at its peak, over the arrays that
it returns."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.import_million import measured


def measure() -> Figure:
    return Figure("import_1m_memory_ratio", measured()["memory_ratio"], 2.0, "lower")
