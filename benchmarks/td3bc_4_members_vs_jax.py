"""The same as `td3bc_vs_jax` for four members side by side, which JAX trains by
vmap."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.td3bc_vs_jax import compared


def measure() -> Figure | None:
    return compared("td3bc_4_members_vs_jax", 4)
