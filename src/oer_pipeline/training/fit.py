"""Train one task with Lightning: blocks of updates, curves, progress, checkpoints."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl

from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.divergence import DivergedError
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.training.checkpoint import Checkpoint
from oer_pipeline.training.hardware import Hardware
from oer_pipeline.training.module import BlockModule
from oer_pipeline.training.progress import Progress
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

BLOCK = 100

Curves = dict[int, dict[str, list[float]]]
"""Per seed: `update` and each loss's mean over the block that ended there, as equally
long columns; NaN in a block without it, such as one too short for a policy update."""


@dataclass(frozen=True)
class Trained:
    """The policies of all members, their curves, the size of what was trained and for
    how many updates."""

    policies: Policies
    curves: Curves
    parameters: int  # of one member
    updates: int


def fit(
    learner: Learner,
    settings: LearnerSettings,
    data: Trajectories | Sequence[Trajectories],
    buffers: Sequence[Sequence[ReplayBuffer]],
    previous: Policies | None,
    seeds: Sequence[int],
    hardware: Hardware | None = None,
    checkpoint: Path | None = None,
    every_seconds: float = 60.0,
    recipe: str | None = None,
    base: Base | None = None,
) -> Trained:
    """Train the task after `previous` for all seeds at once.

    With a `checkpoint` file a training that was interrupted goes on there; it is
    removed at the end, unless a `recipe` is given: then by the caller, once what comes
    back is safe. It is written as well when a KeyboardInterrupt or a SystemExit
    stops the training.

    Args:
        learner: what protects the old tasks; a new object for every task.
        settings: hyper-parameters.
        data: D_n, or one data set per task for a learner of all tasks `together`.
        buffers: `buffers[j][m]`, member m's buffer of old task j + 1.
        previous: what the task before left behind; None for the first task.
        seeds: one per member.
        hardware: None: the CPU.
        checkpoint: a file; None: nothing is kept.
        every_seconds: seconds between two writes of it; 0: after every block.
        recipe: what the training is made of, where the caller knows (`Checkpoint`).
        base: how the task is learned; None: the one that `settings.base` names.

    Raises:
        DivergedError: names task, seed, update and the last good checkpoint.
    """
    hardware = hardware or Hardware()
    training = TaskTraining(
        learner,
        settings,
        data,
        buffers,
        previous,
        seeds,
        hardware.device(),
        hardware.graphs,
        base,
    )
    module = BlockModule(training)
    keeper = (
        Checkpoint(checkpoint, training, every_seconds, recipe) if checkpoint else None
    )
    if keeper:
        keeper.resume(module)
    of_seeds = ", ".join(str(seed) for seed in seeds)
    title = f"train task {training.context.task} ({settings.name}, seeds {of_seeds})"
    callbacks: list[pl.Callback] = [Progress(title, training.length, training.updates)]
    if keeper:
        callbacks.append(keeper)
    trainer = _trainer(hardware, callbacks)
    blocks = list(_blocks(training.updates, training.length))
    try:
        trainer.fit(module, train_dataloaders=blocks)
        policies = training.result()
    except DivergedError as error:
        raise DivergedError(f"{error}; {_last_good(keeper)}") from error
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # Lightning makes it that
            raise KeyboardInterrupt from stop
        raise
    trained = Trained(
        policies=policies,
        curves=_curves(module, seeds),
        parameters=training.parameter_count(),
        updates=training.length,
    )
    if keeper and recipe is None:
        keeper.remove()
    return trained


def _blocks(first: int, last: int) -> Iterator[int]:
    """Block lengths from update `first` to `last`."""
    for start in range(first, last, BLOCK):
        yield min(BLOCK, last - start)


def _trainer(hardware: Hardware, callbacks: list[pl.Callback]) -> pl.Trainer:
    for name in (
        "pytorch_lightning.utilities.rank_zero",
        "lightning.pytorch.utilities.rank_zero",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    return pl.Trainer(
        accelerator="cpu" if hardware.device().type == "cpu" else "gpu",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
    )


def _curves(module: BlockModule, seeds: Sequence[int]) -> Curves:
    columns = module.columns()
    updates = columns.pop("update").tolist()
    curves: Curves = {}
    for member, seed in enumerate(seeds):
        curves[seed] = {"update": updates}
        for name, column in columns.items():
            curves[seed][name] = column[:, member].tolist()
    return curves


def _last_good(keeper: Checkpoint | None) -> str:
    if keeper is None or keeper.update is None:
        return "no checkpoint was taken before"
    return f"the last good checkpoint is {keeper.path}, after update {keeper.update}"
