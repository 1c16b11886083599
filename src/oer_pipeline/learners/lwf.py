"""Learning without forgetting (Li & Hoiem 2017; method, section 7): old heads repeat on
D_n what they said before it.

Shapes: J old tasks, M members, N rows of D_n, B batch, D observation, A action.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.checks import at_least
from oer_pipeline.common.standardisation import EPSILON
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.view import LearnerView, Losses
from oer_pipeline.networks.policy import Standardiser, act_each
from oer_pipeline.networks.stacked import ROWS

CHUNK = 256 * ROWS
"""Rows of D_n that are recorded at a time."""


class LearningWithoutForgetting(Learner):
    """L = L_pi(D_n) + (weight / (n-1)) sum_{j<n} MSE_{D_n}(pi_j(s), what pi_j(s) was
    before task n).

    Every head sees observations standardised with its own statistics. The record takes
    M N J A floats on the device. For actions, the distance is squared error instead of
    the paper's cross-entropy.
    """

    def __init__(self, distillation_weight: float = 1.0) -> None:
        at_least("lwf: distillation_weight", distillation_weight, 0.0)
        self.weight = distillation_weight

    def start(self, training: LearnerView) -> None:
        *old, new = training.standardisers
        self.maps = [_between(new, head, training.device) for head in old]
        if self._distils:
            self.recorded_MNC = self._record(training)

    def losses(self, training: LearnerView, step: Step) -> Losses:
        if not self._distils:
            return super().losses(training, step)
        batch = step.batch
        action, *old_actions = act_each(
            training.parameters("policy"),
            [training.task, *range(1, training.task)],
            [batch.observation, *self._seen_by_old(batch.observation)],
        )
        rows_MB1 = batch.rows.unsqueeze(2)
        recorded_MBC = torch.take_along_dim(
            self.recorded_MNC,
            rows_MB1,
            dim=1,
        )
        targets = recorded_MBC.chunk(len(old_actions), dim=2)
        distances = []
        for old_action, target in zip(old_actions, targets, strict=True):
            distances.append(cloning_loss(old_action, target))
        distance_M = torch.stack(distances).mean(dim=0)
        losses = training.base_losses(step, action)
        return losses | {"distillation": self.weight * distance_M}

    @property
    def _distils(self) -> bool:
        return bool(self.maps) and self.weight > 0.0

    def _seen_by_old(self, observation_MBD: Tensor) -> list[Tensor]:
        """Observations of the new task as each old head standardises them, (M, B, D)
        each."""
        seen = []
        for scale, shift in self.maps:
            seen.append(observation_MBD * scale + shift)
        return seen

    @torch.no_grad()
    def _record(self, training: LearnerView) -> Tensor:
        """The old heads' actions on D_n, (M, N, J A), heads side by side."""
        [table] = training.tables
        parameters = training.networks["policy"].constants
        old = range(1, training.task)
        recorded = []
        for rows_ND in torch.split(table.observation, CHUNK):
            observation = rows_ND.expand(len(training.seeds), -1, -1).contiguous()
            actions = act_each(
                parameters,
                old,
                self._seen_by_old(observation),
            )
            recorded.append(torch.cat(actions, dim=2))
        return torch.cat(recorded, dim=1)


def _between(
    start: Standardiser, end: Standardiser, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Scale and shift (D,) that take observations from one standardisation to
    another."""
    start_std = start.std.astype(np.float64) + EPSILON
    end_std = end.std.astype(np.float64) + EPSILON
    scale = start_std / end_std
    shift = (start.mean.astype(np.float64) - end.mean) / end_std
    return _on(device, scale), _on(device, shift)


def _on(device: torch.device, values: FloatArray) -> Tensor:
    return torch.from_numpy(values).float().to(device)
