"""TD3+BC (Fujimoto & Gu 2021; method, section 2).

Shapes: M members, F folded members, B batch, A action, K minibatches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.batches import Batch
from oer_pipeline.learners.protocol import Step
from oer_pipeline.learners.td3bc import (
    bootstrapped_target,
    cloning_loss,
    first_value,
    smoothed_action,
    twin_values,
    value_loss,
)

if TYPE_CHECKING:
    from oer_pipeline.learners.task_training import TaskTraining


class TD3BC(Base):
    """y = r + gamma (1 - terminal) min_i Q'_i(s', a'), a' the target policy's action,
    smoothed;

    L_Q = sum_i mean (Q_i(s, a) - y)^2, L_pi = - lambda_Q mean Q_1(s, pi(s)) +
    MSE(pi(s), a), lambda_Q = alpha / sg[mean |Q_1|]; alpha is `LearnerSettings.alpha`.
    """

    @torch.no_grad()
    def targets(
        self, training: TaskTraining, together: Batch, noise_KFBA: Tensor
    ) -> Sequence[Tensor | None]:
        next_action = self.next_action(training, together, noise_KFBA)
        value = self.next_value(training, together, next_action)
        target = bootstrapped_target(
            together.reward, together.continues, value, training.settings.discount
        )
        return target.chunk(len(noise_KFBA), dim=1)

    def next_action(
        self, training: TaskTraining, together: Batch, noise_KFBA: Tensor
    ) -> Tensor:
        """a' of all minibatches, (F, K B, A)."""
        settings, noise = training.settings, noise_KFBA.transpose(0, 1).flatten(1, 2)
        proposed = training.act(
            training.target_policy_parameters(), together.next_observation
        )
        return smoothed_action(
            proposed, noise, settings.target_noise, settings.target_noise_clip
        )

    def next_value(
        self, training: TaskTraining, together: Batch, next_action: Tensor
    ) -> Tensor:
        """min_i Q'_i(s', a'), (F, K B)."""
        entering = torch.cat((together.next_observation, next_action), dim=-1)
        return twin_values(training.target_critic.constants, entering).amin(dim=1)

    def update_values(
        self, training: TaskTraining, batch: Batch, target: Tensor | None
    ) -> dict[str, Tensor]:
        assert target is not None
        return {"critic": training.descend_critic(batch.observation_action, target)}

    def losses(
        self, training: TaskTraining, step: Step, action_FBA: Tensor
    ) -> dict[str, Tensor]:
        entering = torch.cat((step.batch.observation, action_FBA), dim=-1)
        value = first_value(training.critic.constants, entering)
        loss, mean = value_loss(value, training.settings.alpha)
        training.watched["q"] = training.per_member(mean)
        behaviour = cloning_loss(action_FBA, step.batch.action)
        return {
            "behaviour": training.per_member(behaviour),
            "value": training.per_member(loss),
        }
