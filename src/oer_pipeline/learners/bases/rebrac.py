"""ReBRAC (Tarasov et al. 2023, "Revisiting the Minimalist Approach to Offline
Reinforcement Learning").

Shapes: F folded members, B batch, A action, N rows of D_n, K minibatches.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.checks import at_least
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.actor_critic import cloning_loss, least_value, value_loss
from oer_pipeline.learners.bases.td3bc import TD3BC
from oer_pipeline.learners.batches import Batch, Step
from oer_pipeline.learners.view import BaseView, Losses
from oer_pipeline.trajectories.table import Trajectories


class ReBRAC(TD3BC):
    """TD3+BC that penalises the critics too where the policy leaves the data:

    y = r + gamma (1 - terminal) (min_i Q'_i(s', a') - critic_weight |a' - a'_data|^2),
    L_pi = actor_weight mean |pi(s) - a|^2 - mean min_i Q_i(s, pi(s)) / sg[mean |min_i
    Q_i|].

    a'_data is the action of the episode's next row; where there is none, the penalty is
    0. The paper normalises its critics (`critic_norm: layer`; after ReLU, here before
    it), has three hidden layers, and tunes both coefficients for each data set: here
    one pair serves all suites.
    """

    def __init__(self, actor_weight: float = 0.1, critic_weight: float = 0.01) -> None:
        at_least("rebrac: actor_weight", actor_weight, 0.0)
        at_least("rebrac: critic_weight", critic_weight, 0.0)
        self._actor_weight = actor_weight
        self._critic_weight = critic_weight

    def further_columns(self, data: Trajectories) -> FloatArray:
        """The next row's action and whether there is one, (N, A + 1)."""
        has_next = np.zeros(len(data), np.bool_)
        has_next[:-1] = data.episode[:-1] == data.episode[1:]
        next_action = np.roll(data.action, -1, axis=0)
        columns = (next_action, has_next[:, None])
        return np.concatenate(columns, axis=1, dtype=np.float32)

    def next_value(
        self,
        training: BaseView,
        batches: Batch,
        next_action: Tensor,
    ) -> Tensor:
        actions = next_action.shape[-1]
        of_data, has_next = torch.split(batches.further, [actions, 1], dim=-1)
        distance = (next_action - of_data).square().sum(dim=-1)
        penalty = self._critic_weight * (distance * has_next.squeeze(-1))
        return super().next_value(training, batches, next_action) - penalty

    def losses(
        self,
        training: BaseView,
        step: Step,
        action_FBA: Tensor,
    ) -> Losses:
        batch = step.batch
        entering = torch.cat((batch.observation, action_FBA), dim=-1)
        value = least_value(training.critic.constants, entering)
        loss, mean = value_loss(value, 1.0)
        # The paper's distance is a sum over action dimensions, a mean over the batch.
        distance = cloning_loss(action_FBA, batch.action) * action_FBA.shape[-1]
        behaviour = self._actor_weight * distance
        return {
            "behaviour": training.per_member(behaviour),
            "value": training.per_member(loss),
            "q": training.per_member(mean),
        }
