"""Experience replay by cloning: the old heads repeat the buffers' target actions (method, section 3).

Shapes: J old tasks, M members, B batch, D observation, A action, H trunk features.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from oer_pipeline.learners.batches import ReplayBatch
from oer_pipeline.learners.td3bc import cloning_loss
from oer_pipeline.networks import policy


def replay_actions(
    parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor, replay: ReplayBatch | None
) -> tuple[Tensor, list[Tensor]]:
    """Actions on the new task's batch (M, B, A) and on each old one's, in a single pass through the trunk."""
    old = [] if replay is None else list(replay.observation)
    features = policy.trunk(parameters, torch.cat((observation_MBD, *old), dim=1))
    new, *rest = torch.split(features, observation_MBD.shape[1], dim=1)
    return policy.head(parameters, task, new), [policy.head(parameters, j, f) for j, f in enumerate(rest, start=1)]


def replay_loss(actions: list[Tensor], replay: ReplayBatch, weight: float) -> Tensor:
    """(lambda / J) sum_j MSE_{B_j}(pi_j(s), a_hat), (M,)."""
    losses = [cloning_loss(a, wanted) for a, wanted in zip(actions, replay.target_action, strict=True)]
    return weight * torch.stack(losses).mean(dim=0)
