"""A task's training as a Lightning module whose training step is a whole block of
updates."""

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

    def __init__(self, task: TaskTraining) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.task = task
        self.history: list[tuple[int, dict[str, Tensor]]] = []

    def training_step(self, batch: int, batch_idx: int) -> None:
        losses = self.task.block(batch)
        self.history.append((self.task.updates, losses))

    def columns(self) -> dict[str, Tensor]:
        """The history by columns: `update` (blocks,), each loss (blocks, M), NaN in a
        block that had none."""
        missing = torch.full(
            (len(self.task.seeds),), torch.nan, device=self.task.device
        )
        names = dict.fromkeys(name for _, losses in self.history for name in losses)
        found = {
            n: torch.stack([losses.get(n, missing) for _, losses in self.history]).cpu()
            for n in names
        }
        return {
            "update": torch.tensor([float(update) for update, _ in self.history]),
            **found,
        }

    def restore(self, columns: Mapping[str, Tensor]) -> None:
        """The inverse of `columns`."""
        losses = {
            name: column.to(self.task.device)
            for name, column in columns.items()
            if name != "update"
        }
        self.history = [
            (int(update), {name: column[k] for name, column in losses.items()})
            for k, update in enumerate(columns["update"].tolist())
        ]

    def configure_optimizers(self) -> None:
        """None: optimisation is the task's."""

    def transfer_batch_to_device(
        self, batch: Any, device: Any, dataloader_idx: int
    ) -> Any:
        return batch
