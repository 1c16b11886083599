"""The roll-outs' figure for walkers, over a loop with gymnasium's own walker: same
asset and observation.

Over `oer/WalkerPar-v0`, which shares our faster step, it is some 1.5.
"""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.rollout_vs_gymnasium_loop import faster


def measure() -> Figure:
    return Figure(
        "rollout_walker_vs_gymnasium_loop",
        faster("walker_par", "Walker2d-v5"),
        1.5,
        "higher",
    )
