"""A learner as a Lightning module whose training step is a whole block of updates."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from oer_pipeline.learners.learner import Learner


class BlockModule(pl.LightningModule):
    """One "batch" is the number of updates in a block; the learner owns parameters and optimisers.

    `history` holds, per block, the updates done so far and each loss's mean over the block, (M,), on the device.
    """

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.learner = learner
        self.history: list[tuple[int, dict[str, Tensor]]] = []

    def training_step(self, batch: int, batch_idx: int) -> None:
        losses = self.learner.block(batch)
        self.history.append((self.learner.updates, losses))

    def configure_optimizers(self) -> None:
        """None: optimisation is the learner's."""

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        return batch
