"""The roll-outs' figure for ants, over a loop with gymnasium's own ant: same asset,
observation and contact forces.

Over `oer/AntDir-v0`, which shares our faster step, it is some 1.3: MuJoCo takes four
fifths of that loop's time.
"""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.rollout_vs_gymnasium_loop import faster


def measure() -> Figure:
    value = faster("ant_dir", "Ant-v5", include_cfrc_ext_in_observation=False)
    return Figure("rollout_ant_vs_gymnasium_loop", value, 1.5, "higher")
