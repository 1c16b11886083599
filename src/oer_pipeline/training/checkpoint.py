"""A training interrupted within a task goes on where it was, bit for bit."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.digest import digest
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.training.module import BlockModule
from oer_pipeline.training.recipe import recipe_of

logger = logging.getLogger(__name__)


class Checkpoint(pl.Callback):
    """Keeps everything that the next update depends on in one file.

    It is written after a sound block, at most once in `every_seconds` (0: every block).
    The file names what it belongs to (data, settings, seeds, code, versions): another
    training's is not taken up. Whoever knows what the training is made of, such as a
    runner its fingerprint, says so by `recipe`; otherwise it is found out here.
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
        self._last = time.monotonic()
        known = recipe_of(training) if recipe is None else recipe
        device = training.context.device.type
        self._recipe = digest({"recipe": known, "device": device})
        self.update: int | None = None
        """After which update the newest checkpoint was taken."""

    def resume(self, module: BlockModule) -> None:
        """Put the training where its checkpoint is, if there is one."""
        checkpoint = self._read()
        if checkpoint is None:
            return
        state, history, self.update = checkpoint
        module.task.load_state_dict(state, self.update)
        module.restore(history)
        logger.info(
            "task %d: goes on after update %d, from %s",
            module.task.context.task,
            self.update,
            self.path,
        )

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any
    ) -> None:
        if time.monotonic() - self._last >= self._every:
            self.write(pl_module)

    def write(self, module: BlockModule) -> None:
        """Take a checkpoint now."""
        from safetensors.torch import save_file

        columns = module.columns()
        tensors = module.task.state_dict()
        for name, column in columns.items():
            tensors[f"history.{name}"] = column
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        header = {
            "recipe": self._recipe,
            "updates": str(module.task.updates),
            "history": json.dumps(list(columns)),
        }
        with atomic_path(self.path) as temporary:
            save_file(contiguous, temporary, header)
        self.update = module.task.updates
        self._last = time.monotonic()

    def remove(self) -> None:
        """The task is done."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> tuple[dict[str, Tensor], dict[str, Tensor], int] | None:
        """State, history by columns and update of the file; None where it is not this
        training's."""
        if not self.path.is_file():
            return None
        from safetensors import safe_open

        try:
            with safe_open(self.path, "pt") as file:
                header = file.metadata() or {}
                if header.get("recipe") != self._recipe:
                    return None
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                # A file sorts its tensors; curves keep the order in which losses came
                # up.
                columns = json.loads(header["history"])
                history = {name: state.pop(f"history.{name}") for name in columns}
                return state, history, int(header["updates"])
        except Exception as error:  # safetensors has its own error type for each damage
            logger.warning(
                "checkpoint %s cannot be read (%s); the task starts anew",
                self.path,
                error,
            )
            return None
