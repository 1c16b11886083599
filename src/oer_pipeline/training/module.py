"""A task's training as a Lightning module whose training step is a whole block of
updates.

Shapes: M members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from oer_pipeline.learners.task_training import TaskTraining


class BlockModule(pl.LightningModule):
    """One "batch" is the number of updates in a block; the task's training owns
    parameters and optimisers.

    `history` holds, per block, the updates done so far and each loss's mean over the
    block, (M,), on the device.
    """

    def __init__(self, task_training: TaskTraining) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.task_training = task_training
        self.history: list[tuple[int, dict[str, Tensor]]] = []

    def training_step(self, batch: int, batch_idx: int) -> None:
        losses = self.task_training.block(batch)
        self.history.append((self.task_training.updates, losses))

    def columns(self) -> dict[str, Tensor]:
        """The history by columns: `update` (blocks,), each loss (blocks, M), NaN in a
        block that had none."""
        context = self.task_training.context
        missing_M = torch.full(
            (len(context.seeds),),
            torch.nan,
            device=context.device,
        )
        updates = []
        names: dict[str, None] = {}
        for update, losses in self.history:
            updates.append(float(update))
            names |= dict.fromkeys(losses)
        columns = {"update": torch.tensor(updates)}
        for name in names:
            column = [losses.get(name, missing_M) for _, losses in self.history]
            columns[name] = torch.stack(column).cpu()
        return columns

    def restore(self, columns: Mapping[str, Tensor]) -> None:
        """The inverse of `columns`."""
        device = self.task_training.context.device
        on_device = {name: column.to(device) for name, column in columns.items()}
        updates = on_device.pop("update").tolist()
        self.history = []
        for block, update in enumerate(updates):
            losses = {name: column[block] for name, column in on_device.items()}
            self.history.append((int(update), losses))

    def configure_optimizers(self) -> None:
        """None: optimisation is the task's."""

    def transfer_batch_to_device(
        self,
        batch: Any,
        device: Any,
        dataloader_idx: int,
    ) -> Any:
        return batch
