"""Seconds to import a million transitions of 20 + 6 dimensions from a D4RL file, checks
and hashes included."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.import_million import measured


def measure() -> Figure:
    return Figure("import_1m_seconds", measured()["seconds"], 20.0, "lower")
