"""How many times faster three members choose in lock step than one after another, 1,000
of 100,000 rows each."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread, request, trajectories
from benchmarks.timing import cpu_seconds
from oer_pipeline.networks.randomness import generator
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import SelectionRequest

ROWS, MEMBERS = 100_000, 3


def measure() -> Figure:
    one_thread()
    asked = request(trajectories(ROWS))

    def members() -> list[SelectionRequest]:
        return [
            replace(asked, generator=generator("benchmark", member, 1))
            for member in range(MEMBERS)
        ]

    together = min(cpu_seconds(lambda: MBES().select_all(members())) for _ in range(3))
    alone = min(
        cpu_seconds(lambda: [MBES().select(one) for one in members()]) for _ in range(3)
    )
    return Figure("mbes_together_vs_alone", alone / together, 1.2, "higher")
