"""Time of a TD3+BC update, one member, 256-256, batch 256, CPU, over the jitted loop of
benchmarks/jax_loop.py.

CPU time of either, on one core. Both draw their batches inside the time. Neither has a
normalisation in its critics.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread, trajectories
from benchmarks.timing import cpu_seconds, on_one_core, ratio
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining

UPDATES, BATCH, HIDDEN, TARGET = 104, 256, (256, 256), 0.8


def measure() -> Figure | None:
    return compared("td3bc_vs_jax", 1)


def compared(name: str, members: int) -> Figure | None:
    """Our time over JAX's, `members` agents on either side; None, after a line that
    says why, without JAX.

    Printed beside, and not judged: JAX's time, and the ratio with normalised critics on
    both sides.
    """
    if find_spec("jax") is None:
        print(
            f"{name}: skipped, jax is not installed; uv pip install -e '.[benchmarks]'"
            " brings it"
        )
        return None
    one_thread()
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    with on_one_core():
        value, theirs = _ratio(members, normalised=False)
        normalised, _ = _ratio(members, normalised=True)
    print(
        f"{name}: JAX takes {theirs:.2f} ms per member-update; with normalised critics"
        f" on both sides {normalised:.3g}"
    )
    return Figure(name, value, TARGET, "lower")


def _ratio(members: int, normalised: bool) -> tuple[float, float]:
    """Ours over theirs, and theirs in milliseconds per member-update."""
    from benchmarks.jax_loop import UNROLLED, Loop

    assert UPDATES % UNROLLED == 0
    data = trajectories(20_000)
    columns = {
        "state": data.observation,
        "action": data.action,
        "next_state": data.next_observation,
        "reward": data.reward,
        "terminal": data.terminal.astype(np.float32),
    }
    theirs = Loop(columns, members, HIDDEN, BATCH, normalised)
    settings = LearnerSettings(
        batch_size=BATCH, hidden=HIDDEN, critic_norm="layer" if normalised else "none"
    )
    ours = TaskTraining(
        Finetune(), settings, data, (), None, range(members), graphs=True
    )
    value = ratio(lambda: ours.block(UPDATES), lambda: theirs.perform(UPDATES))
    alone = min(cpu_seconds(lambda: theirs.perform(UPDATES)) for _ in range(5))
    return value, alone / UPDATES / members * 1e3
