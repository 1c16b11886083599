"""TD3+BC (Fujimoto & Gu 2021; method, section 2).

Shapes: F folded members, B batch, A action, K minibatches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from oer_pipeline.learners.actor_critic import (
    bootstrapped_target,
    cloning_loss,
    first_value,
    smoothed_action,
    twin_values,
    value_loss,
)
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.batches import Batch, Step
from oer_pipeline.learners.view import BaseView, Losses


class TD3BC(Base):
    """y = r + gamma (1 - terminal) min_i Q'_i(s', a'), a' the target policy's action,
    smoothed;

    L_Q = sum_i mean (Q_i(s, a) - y)^2, L_pi = - lambda_Q mean Q_1(s, pi(s)) +
    MSE(pi(s), a), lambda_Q = alpha / sg[mean |Q_1|]; alpha is `LearnerSettings.alpha`.
    """

    @torch.no_grad()
    def targets(
        self,
        training: BaseView,
        batches: Batch,
        noise_KFBA: Tensor,
    ) -> Sequence[Tensor | None]:
        next_action = self.next_action(training, batches, noise_KFBA)
        next_value = self.next_value(training, batches, next_action)
        target = bootstrapped_target(
            batches.reward,
            batches.continues,
            next_value,
            training.settings.discount,
        )
        return target.chunk(len(noise_KFBA), dim=1)

    def next_action(
        self,
        training: BaseView,
        batches: Batch,
        noise_KFBA: Tensor,
    ) -> Tensor:
        """a' of all minibatches, (F, K B, A).

        Args:
            training: what a base sees of it.
            batches: K minibatches one after another.
            noise_KFBA: from N(0, 1), for target policy smoothing.
        """
        settings = training.settings
        policy = training.target_policy_parameters()
        return smoothed_action(
            training.act(policy, batches.next_observation),
            noise_KFBA.transpose(0, 1).flatten(1, 2),
            settings.target_noise,
            settings.target_noise_clip,
        )

    def next_value(
        self,
        training: BaseView,
        batches: Batch,
        next_action: Tensor,
    ) -> Tensor:
        """min_i Q'_i(s', a'), (F, K B).

        Args:
            training: what a base sees of it.
            batches: K minibatches one after another.
            next_action: a', (F, K B, A).
        """
        entering = torch.cat((batches.next_observation, next_action), dim=-1)
        return twin_values(training.target_critic.constants, entering).amin(dim=1)

    def update_values(
        self,
        training: BaseView,
        batch: Batch,
        target_FB: Tensor | None,
    ) -> Losses:
        assert target_FB is not None
        loss = training.descend_critic(batch.observation_action, target_FB)
        return {"critic": loss}

    def losses(
        self,
        training: BaseView,
        step: Step,
        action_FBA: Tensor,
    ) -> Losses:
        batch = step.batch
        entering = torch.cat((batch.observation, action_FBA), dim=-1)
        value = first_value(training.critic.constants, entering)
        loss, mean = value_loss(value, training.settings.alpha)
        behaviour = cloning_loss(action_FBA, batch.action)
        return {
            "behaviour": training.per_member(behaviour),
            "value": training.per_member(loss),
            "q": training.per_member(mean),
        }
