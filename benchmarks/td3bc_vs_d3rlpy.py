"""Time of a TD3+BC update, one member, 256-256, batch 256, CPU, over d3rlpy 2.8.0's
TD3PlusBC.

Timed of d3rlpy is its `fit` as its users call it, with logger, progress bar and saving
off: a batch drawn from its replay buffer and an update on it, again and again. Ours
draws its batches inside the time too. Printed beside, and not judged: the ratio to
d3rlpy's `update` alone, always on one batch drawn beforehand.
"""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.figure import Figure
from benchmarks.made_up import HORIZON, one_thread, trajectories
from benchmarks.timing import on_one_core, ratio
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.trajectories.table import Trajectories

if TYPE_CHECKING:
    from d3rlpy.algos import TD3PlusBC
    from d3rlpy.dataset import ReplayBufferBase

UPDATES, BATCH, HIDDEN = 200, 256, (256, 256)
WANTED = "2.8.0"


def measure() -> Figure | None:
    """None, after a line that says why, without the d3rlpy that the target is about."""
    if (found := _installed()) != WANTED:
        print(
            f"td3bc_vs_d3rlpy: skipped, d3rlpy is {found}; uv pip install -e"
            f" '.[benchmarks]' brings {WANTED}"
        )
        return None
    one_thread()
    data = trajectories(20_000)
    settings = LearnerSettings(batch_size=BATCH, hidden=HIDDEN)
    ours = TaskTraining(Finetune(), settings, data, (), None, (0,), graphs=True)
    algorithm, replay = _of_d3rlpy(data)
    ready = replay.sample_transition_batch(BATCH)

    def fit() -> None:
        from d3rlpy.logging import NoopAdapterFactory

        algorithm.fit(
            replay,
            UPDATES,
            UPDATES,
            logger_adapter=NoopAdapterFactory(),
            show_progress=False,
        )

    def update() -> None:
        for _ in range(UPDATES):
            algorithm.update(ready)

    with on_one_core():
        value, alone = (
            ratio(lambda: ours.block(UPDATES), theirs) for theirs in (fit, update)
        )
    print(
        f"td3bc_vs_d3rlpy: {alone:.3g} over its update alone, on one batch drawn"
        " beforehand"
    )
    return Figure("td3bc_vs_d3rlpy", value, 0.30, "lower")


def _installed() -> str:
    try:
        return version("d3rlpy")
    except PackageNotFoundError:
        return "not installed"


def _of_d3rlpy(data: Trajectories) -> tuple[TD3PlusBC, ReplayBufferBase]:
    """Its algorithm with its defaults, which are 256-256 ReLU and the paper's
    constants, and its buffer of the data."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
    )
    import d3rlpy

    columns = (data.observation, data.action, data.reward[:, None])
    by_episode = zip(
        *(np.split(column, len(column) // HORIZON) for column in columns), strict=True
    )
    replay = d3rlpy.dataset.create_infinite_replay_buffer(
        [d3rlpy.dataset.Episode(*episode, terminated=False) for episode in by_episode]
    )
    algorithm = d3rlpy.algos.TD3PlusBCConfig(batch_size=BATCH).create(device="cpu:0")
    algorithm.build_with_dataset(replay)
    return algorithm, replay
