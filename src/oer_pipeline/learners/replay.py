"""Experience replay by cloning: the old heads repeat the buffers' target actions
(method, section 3).

Shapes: J old tasks, M members, B batch, R rows of a replay batch, A action.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.batches import ReplayBatch, Step
from oer_pipeline.networks import policy


def with_replay(
    parameters: Mapping[str, Tensor], task: int, step: Step
) -> tuple[Tensor, list[Tensor]]:
    """Actions on the new task's batch (M, B, A) and on each old one's (M, R, A), in a
    single pass through the trunk.

    Args:
        parameters: of a policy with a shared trunk.
        task: the new one's number, from 1.
        step: its batch, and the old tasks' if there are any.
    """
    tasks = [task]
    observations = [step.batch.observation]
    if step.replay is not None:
        tasks += range(1, len(step.replay.observation) + 1)
        observations += step.replay.observation.unbind()
    action, *old_actions = policy.act_each(parameters, tasks, observations)
    return action, old_actions


def replay_losses(actions: list[Tensor], replay: ReplayBatch) -> Tensor:
    """MSE_{B_j}(pi_j(s), a_hat) of every old task, (J, M).

    Args:
        actions: on each old task's batch, (M, R, A), in order.
        replay: those batches.
    """
    losses = []
    for j, action in enumerate(actions):
        share = None if replay.share is None else replay.share[j]
        losses.append(cloning_loss(action, replay.target_action[j], share))
    return torch.stack(losses)
