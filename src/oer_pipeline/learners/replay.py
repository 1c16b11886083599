"""Experience replay by cloning: the old heads repeat the buffers' target actions
(method, section 3).

Shapes: J old tasks, M members, B batch, D observation, A action.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from oer_pipeline.learners.batches import ReplayBatch
from oer_pipeline.learners.td3bc import cloning_loss
from oer_pipeline.networks import policy


def with_replay(
    parameters: Mapping[str, Tensor],
    task: int,
    observation_MBD: Tensor,
    replay: ReplayBatch | None,
) -> tuple[Tensor, list[Tensor]]:
    """Actions on the new task's batch (M, B, A) and on each old one's, in a single pass
    through the trunk."""
    old = [] if replay is None else list(replay.observation)
    new, *rest = policy.act_each(
        parameters, [task, *range(1, len(old) + 1)], [observation_MBD, *old]
    )
    return new, rest


def replay_losses(actions: list[Tensor], replay: ReplayBatch) -> Tensor:
    """MSE_{B_j}(pi_j(s), a_hat) of every old task, (J, M)."""
    return torch.stack(
        [
            cloning_loss(a, wanted)
            for a, wanted in zip(actions, replay.target_action, strict=True)
        ]
    )
