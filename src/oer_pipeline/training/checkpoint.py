"""A training interrupted within a task goes on where it was, bit for bit."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from oer_pipeline.common.atomic import sweep
from oer_pipeline.common.digest import digest
from oer_pipeline.common.errors import DataError
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.training.checkpoint_file import Kept, read, write
from oer_pipeline.training.module import BlockModule
from oer_pipeline.training.recipe import recipe_of

logger = logging.getLogger(__name__)

KEEP_SECONDS = 1.0
"""Between two copies in memory: what a stopped training loses at most, beside the block
under way."""


class Checkpoint(pl.Callback):
    """Keeps everything that the next update depends on in one file.

    It is written after a sound block, at most once in `every_seconds` (0: every block),
    and when Ctrl-C or SIGTERM stops the training: then from a copy that is a second
    old, as the block under way is not waited for.

    The file names what it belongs to (data, settings, seeds, code, versions): another
    training's is not taken up, nor one that is damaged. Whoever knows what the training
    is made of, such as a runner its fingerprint, says so by `recipe`; otherwise it is
    found out here.
    """

    def __init__(
        self,
        path: Path,
        training: TaskTraining,
        every_seconds: float = 60.0,
        recipe: str | None = None,
    ) -> None:
        self.path = path
        self._every = every_seconds
        self._written = self._copied = time.monotonic()
        known = recipe_of(training) if recipe is None else recipe
        device = training.context.device.type
        self._recipe = digest({"recipe": known, "device": device})
        self._copy: Kept | None = None
        self.update: int | None = None
        """After which update the newest checkpoint was taken."""

    def resume(self, module: BlockModule) -> None:
        """Put the training where its checkpoint is, if there is a sound one.

        What killed writers of checkpoints left in the folder goes.
        """
        sweep(self.path.parent)
        task = module.task_training.context.task
        try:
            kept = self._read()
            if kept is None:
                return
            self._put_back(module, kept)
        except DataError as error:
            logger.warning("%s; task %d starts anew", error, task)
            return
        self.update = kept.updates
        logger.info(
            "task %d: goes on after update %d, from %s", task, self.update, self.path
        )

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any
    ) -> None:
        now = time.monotonic()
        if now - self._written >= self._every:
            self.write(pl_module)
        elif now - self._copied >= KEEP_SECONDS:
            taken = self._taken(pl_module)
            if _is_sound(taken):
                self._copy = taken
            self._copied = now

    def on_exception(self, trainer: Any, pl_module: Any, exception: Any) -> None:
        """Write the newest copy where the training was stopped."""
        if isinstance(exception, KeyboardInterrupt | SystemExit) and self._copy:
            self._write(self._copy)

    def write(self, module: BlockModule) -> None:
        """Take a checkpoint now, unless weights are spoiled: the losses of the next
        block will say so."""
        taken = self._taken(module)
        if _is_sound(taken):
            self._write(taken)

    def remove(self) -> None:
        """The task is done."""
        self.path.unlink(missing_ok=True)

    def _taken(self, module: BlockModule) -> Kept:
        return Kept(
            self._recipe,
            module.task_training.updates,
            module.task_training.state_dict(),
            module.columns(),
        )

    def _write(self, kept: Kept) -> None:
        self._copy = kept
        write(self.path, kept)
        self._copy = None
        self.update = kept.updates
        self._written = self._copied = time.monotonic()

    def _put_back(self, module: BlockModule, kept: Kept) -> None:
        try:
            module.task_training.load_state_dict(kept.state, kept.updates)
        except DataError as error:
            raise DataError(f"checkpoint {self.path}: {error}") from error
        module.restore(kept.history)

    def _read(self) -> Kept | None:
        """What the file holds; None where there is none of this training."""
        if not self.path.is_file():
            return None
        kept = read(self.path)
        if kept.recipe == self._recipe:
            return kept
        logger.info("%s is of another training; it is left aside", self.path)
        return None


def _is_sound(kept: Kept) -> bool:
    """Whether the networks are finite: an update may spoil weights, which its own
    losses do not show. What plug-ins keep may hold whatever they like."""
    for name, tensor in kept.state.items():
        if name.startswith(("learner.", "base.")):
            continue
        if not bool(tensor.isfinite().all()):
            return False
    return True
