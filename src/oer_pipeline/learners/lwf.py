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
from oer_pipeline.learners.protocol import Learner, Step
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.td3bc import cloning_loss
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

    def start(self, training: TaskTraining) -> None:
        *old, new = training.standardisers
        self.maps = [_between(new, head, training.device) for head in old]
        if self._distils:
            self.recorded_MNC = self._record(training)

    def losses(self, training: TaskTraining, step: Step) -> dict[str, Tensor]:
        if not self._distils:
            return super().losses(training, step)
        observation = step.batch.observation
        tasks = [training.task, *range(1, training.task)]
        action, *old = act_each(
            training.parameters("policy"),
            tasks,
            [observation, *self._seen_by_old(observation)],
        )
        recorded = torch.take_along_dim(
            self.recorded_MNC, step.rows.unsqueeze(2), dim=1
        )
        wanted = recorded.chunk(len(old), dim=2)
        distances_JM = torch.stack(
            [cloning_loss(a, w) for a, w in zip(old, wanted, strict=True)]
        )
        return training.base_losses(step, action) | {
            "distillation": self.weight * distances_JM.mean(dim=0)
        }

    @property
    def _distils(self) -> bool:
        return bool(self.maps) and self.weight > 0.0

    def _seen_by_old(self, observation_MBD: Tensor) -> list[Tensor]:
        """Observations of the new task as each old head standardises them, (M, B, D)
        each."""
        return [observation_MBD * scale + shift for scale, shift in self.maps]

    def _record(self, training: TaskTraining) -> Tensor:
        """The old heads' actions on D_n, (M, N, J A), heads side by side."""
        parameters, [table] = training.networks["policy"].constants, training.tables
        old = range(1, training.task)

        def actions(rows_ND: Tensor) -> Tensor:
            observation = rows_ND.expand(len(training.seeds), -1, -1).contiguous()
            return torch.cat(
                act_each(parameters, old, self._seen_by_old(observation)), dim=2
            )

        with torch.no_grad():
            return torch.cat(
                [
                    actions(r)
                    for r in torch.split(table.rows[:, : table.observation_size], CHUNK)
                ],
                dim=1,
            )


def _between(
    start: Standardiser, end: Standardiser, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Scale and shift (D,) that take observations from one standardisation to
    another."""
    spread = end.std.astype(np.float64) + EPSILON
    scale = (start.std.astype(np.float64) + EPSILON) / spread
    shift = (start.mean.astype(np.float64) - end.mean) / spread
    return torch.from_numpy(scale).float().to(device), torch.from_numpy(
        shift
    ).float().to(device)
