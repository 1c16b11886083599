"""`python -m benchmarks [NAME]`: measure every figure, or one; print figure, target and
verdict; keep the records."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.figure import Figure, keep

FIGURES = (
    "td3bc_vs_plain_eager",
    "td3bc_16_members_vs_plain_eager",
    "td3bc_vs_d3rlpy",
    "td3bc_vs_jax",
    "td3bc_4_members_vs_jax",
    "small_buffers_vs_copies",
    "evaluation_share",
    "evaluation_share_continual_world",
    "lightning_vs_bare_loop",
    "mbes_100k_seconds",
    "mbes_1m_seconds",
    "mbes_vs_naive",
    "mbes_together_vs_alone",
    "dynamics_20k_seconds",
    "ensemble_vs_sequential",
    "table_read_vs_pandas",
    "table_write_vs_hdf5",
    "import_1m_seconds",
    "import_1m_memory_ratio",
    "rollout_vs_gymnasium_loop",
    "rollout_ant_vs_gymnasium_loop",
    "rollout_walker_vs_gymnasium_loop",
    "rollout_meta_world_vs_gymnasium_loop",
    "kedro_overhead_seconds",
    "grid_overhead_seconds",
    "grid_efficiency",
)


def main(names: list[str]) -> None:
    """Measure `names`, all without any."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        sys.exit(f"unknown figure {unknown[0]!r}; choose one of {', '.join(FIGURES)}")
    for name in names or FIGURES:
        figure: Figure | None = import_module(f"benchmarks.{name}").measure()
        if figure is None:  # cannot be measured here, as has been said
            continue
        keep(figure)
        print(figure, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
