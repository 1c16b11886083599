"""CPU time of dual behaviour cloning's updates on the tenth task with buffers of 30
rows, every row once, over that with a copy for every draw."""

from __future__ import annotations

from functools import partial

from benchmarks.figure import Figure, best_device, on
from benchmarks.made_up import one_thread
from benchmarks.timing import on_one_core, ratio
from benchmarks.updates_per_second import passed_through
from oer_pipeline.learners import batches
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining

OLD_TASKS, ROWS, UPDATES = 9, 30, 20
NEVER = 10**6
"""Times that rows would have to come in a batch before they are taken once."""


def measure() -> Figure:
    device = best_device()
    one_thread()
    rows_once = _training(device)
    copies = _training(device)
    usual = batches.MANY_TIMES

    def block_of_copies() -> None:
        batches.MANY_TIMES = NEVER
        try:
            copies.block(UPDATES)
        finally:
            batches.MANY_TIMES = usual

    with on_one_core():
        found = ratio(partial(rows_once.block, UPDATES), block_of_copies)
    return Figure(on(device, "small_buffers_vs_copies"), found, 0.5, "lower", device)


def _training(device: str) -> TaskTraining:
    settings = LearnerSettings(hidden=(256, 256), updates=10**6, base="bc")
    return passed_through(
        DualBehaviourCloning,
        settings,
        ROWS,
        OLD_TASKS,
        members=1,
        device=device,
        graph=False,
    )
