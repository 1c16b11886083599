"""Early stopping per member: each keeps its own best weights and stops after its own
patience.

A stopped member still takes part in the batched updates, but nothing more of it is
kept, so its result does not depend on how long the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from oer_pipeline.networks.stacked import Parameters


class EarlyStopping:
    """Watches a held-out loss per member (E,), epoch by epoch; lower is better, and NaN
    never is.

    A member runs until `patience` epochs in a row brought no gain of `min_improvement`
    over the last such gain; the weights kept are the best of all its epochs.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        patience: int,
        min_improvement: float,
    ) -> None:
        members = len(next(iter(parameters.values())))
        self.parameters: Parameters = {}
        for name, parameter in parameters.items():
            self.parameters[name] = parameter.detach().clone()
        self.loss = torch.full((members,), math.inf)
        """Of the weights kept, (E,)."""
        self.epoch = torch.zeros(members, dtype=torch.long)
        """After which they were as kept, (E,)."""
        self._patience = patience
        self._min_improvement = min_improvement
        self._goal = torch.full((members,), math.inf)
        self._last_epoch = torch.full((members,), patience)

    def update(
        self,
        epoch: int,
        loss: Tensor,
        parameters: Mapping[str, Tensor],
    ) -> bool:
        """Whether any member still runs after this epoch.

        Args:
            epoch: its number, from 1.
            loss: of the members, (E,).
            parameters: after the epoch.
        """
        running = epoch <= self._last_epoch
        better = running & (loss < self.loss)
        gained = running & (loss < self._goal)
        for name, kept in self.parameters.items():
            current = parameters[name].detach()
            kept[better] = current[better]
        self.loss[better] = loss[better]
        self.epoch[better] = epoch
        goal = loss - self._min_improvement
        self._goal[gained] = goal[gained]
        self._last_epoch[gained] = epoch + self._patience
        return bool((epoch < self._last_epoch).any())
