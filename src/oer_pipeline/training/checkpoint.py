"""A training interrupted within a task goes on where it was, bit for bit."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.digest import digest
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import products
from oer_pipeline.training.module import BlockModule

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
        self.path, self._every, self._last = path, every_seconds, time.monotonic()
        device = training.device.type
        made_of = _recipe(training) if recipe is None else recipe
        self._recipe = digest({"recipe": made_of, "device": device})
        self.update: int | None = None
        """After which update the newest checkpoint was taken."""

    def resume(self, module: BlockModule) -> None:
        """Put the training where its checkpoint is, if there is one."""
        found = self._read()
        if found is None:
            return
        state, history, self.update = found
        module.task.load_state(state, self.update)
        module.restore(history)
        logger.info(
            "task %d: goes on after update %d, from %s",
            module.task.task,
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
        tensors = module.task.state() | {
            f"history.{name}": t for name, t in columns.items()
        }
        header = {
            "recipe": self._recipe,
            "updates": str(module.task.updates),
            "history": json.dumps(list(columns)),
        }
        with atomic_path(self.path) as temporary:
            save_file(
                {name: t.contiguous() for name, t in tensors.items()}, temporary, header
            )
        self.update, self._last = module.task.updates, time.monotonic()

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


def _recipe(training: TaskTraining) -> str:
    """A hash of what makes the training what it is, taken at its start: every option,
    the data, the starting point, the code."""
    learner, base = training.learner, training.base
    return digest(
        {
            "settings": training.settings,
            "learner": learner,
            "base": base,
            "seeds": training.seeds,
            "task": training.task,
            "torch": torch.__version__,
            "products": products.path(),
            "code": _code({type(learner).__module__, type(base).__module__}),
            "state": training.state(),
            "given": list(training.tensors_given()),
        }
    )


def _code(own: Collection[str]) -> dict[str, str]:
    """Hashes of the source of the learners, the networks and the modules of the learner
    and the base in force."""
    found = {}
    for name in sorted(sys.modules):
        if name in own or name.startswith(
            ("oer_pipeline.learners.", "oer_pipeline.networks.")
        ):
            file = sys.modules[name].__file__
            source = Path(file).read_bytes() if file else b""
            found[name] = hashlib.sha256(source).hexdigest()
    return found
