"""Experience replay by cloning: the old heads repeat the buffers' target actions
(method, section 3).

Shapes: J old tasks, M members, B batch, R rows of a replay batch, A action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.batches import ReplayBatch, Step
from oer_pipeline.networks import policy


def act_and_replay(
    parameters: Mapping[str, Tensor],
    task: int,
    step: Step,
) -> tuple[Tensor, Tensor | None]:
    """Actions (M, B, A) on the new task's batch and the replay loss (M,), None without
    old tasks, from a single pass through the trunk.

    Args:
        parameters: of a policy with a shared trunk.
        task: the new one's number, from 1.
        step: its batch, and the old tasks' if there are any.
    """
    replay = step.replay
    tasks = [task]
    observations = [step.batch.observation]
    if replay is not None:
        tasks += range(1, len(replay.observation) + 1)
        observations += replay.observation.unbind()
    action, *old_actions = policy.act_each(parameters, tasks, observations)
    if replay is None:
        return action, None
    return action, replay_loss(old_actions, replay)


def replay_loss(actions: Sequence[Tensor], replay: ReplayBatch) -> Tensor:
    """1 / (n-1) sum_{j<n} MSE_{B_j}(pi_j(s), a_hat), (M,).

    Args:
        actions: on each old task's batch, (M, R, A), in order.
        replay: those batches.
    """
    losses = []
    for j, action_MRA in enumerate(actions):
        share_MR = None
        if replay.share is not None:
            share_MR = replay.share[j]
        target_MRA = replay.target_action[j]
        loss_M = cloning_loss(action_MRA, target_MRA, share_MR)
        losses.append(loss_M)
    return torch.stack(losses).mean(dim=0)
