"""Implicit Q-learning (Kostrikov, Nair & Levine 2021), with the deterministic policy
that all learners share.

Shapes: M members, F folded members, B batch, A action, K minibatches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from oer_pipeline.common.checks import at_least, between
from oer_pipeline.learners.actor_critic import bootstrapped_target, twin_values
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.batches import Batch, Step
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.view import BaseView, Losses
from oer_pipeline.networks.flat import Adam, FlatParameters, differentiate
from oer_pipeline.networks.stacked import Parameters, mlp

LARGEST_WEIGHT = 100.0
"""The authors' bound on exp(temperature advantage)."""


class IQL(Base):
    """Values of the data's actions alone, and cloning weighted by their advantage:

    L_V = mean |expectile - 1(u < 0)| u^2, u = min_i Q'_i(s, a) - V(s);
    L_Q = sum_i mean (Q_i(s, a) - r - gamma (1 - terminal) V(s'))^2;
    L_pi = mean exp(temperature (min_i Q'_i(s, a) - V(s))) (pi(s) - a)^2, the weight at
    most 100.

    Policies and targets move at every update, as the authors' do, whatever
    `policy_delay` is. Rewards are taken as they are: the authors scale some, which the
    temperature has to make up for.
    """

    def __init__(self, expectile: float = 0.7, temperature: float = 3.0) -> None:
        between("iql: expectile", expectile, 0.5, 1.0)
        at_least("iql: temperature", temperature, 0.0)
        self._expectile = expectile
        self._temperature = temperature

    def policy_delay(self, settings: LearnerSettings) -> int:
        return 1

    def start(self, training: BaseView) -> None:
        fresh = training.new_values("value", each=1, with_action=False)
        self._value = FlatParameters(fresh)
        self._optimiser = Adam(self._value, training.settings.learning_rate)

    @torch.no_grad()
    def targets(
        self,
        training: BaseView,
        batches: Batch,
        noise_KFBA: Tensor,
    ) -> Sequence[Tensor | None]:
        """min_i Q'_i(s, a) of each minibatch, (F, B)."""
        critic = training.target_critic.constants
        value = twin_values(critic, batches.observation_action).amin(dim=1)
        return value.chunk(len(noise_KFBA), dim=1)

    def update_values(
        self,
        training: BaseView,
        batch: Batch,
        target_FB: Tensor | None,
    ) -> Losses:
        assert target_FB is not None
        self._target_FB = target_FB
        advantage = target_FB - _values(self._value.views, batch.observation)
        weight = torch.where(
            advantage.detach() < 0.0,
            1.0 - self._expectile,
            self._expectile,
        )
        loss = (weight * advantage.square()).mean(dim=1)
        differentiate([loss], [self._value])
        self._optimiser.step()
        with torch.no_grad():
            y = bootstrapped_target(
                batch.reward,
                batch.continues,
                _values(self._value.constants, batch.next_observation),
                training.settings.discount,
            )
        return {
            "critic": training.descend_critic(batch.observation_action, y),
            "expectile": training.per_member(loss.detach()),
        }

    def losses(
        self,
        training: BaseView,
        step: Step,
        action_FBA: Tensor,
    ) -> Losses:
        """The advantage is that of the values as they have just been updated."""
        batch = step.batch
        with torch.no_grad():
            value = _values(self._value.constants, batch.observation)
            advantage = self._target_FB - value
            weight = torch.exp(self._temperature * advantage)
            weight = weight.clamp(max=LARGEST_WEIGHT)
        q = training.per_member(self._target_FB.mean(dim=1))
        squares = (action_FBA - batch.action).square()
        behaviour = (weight.unsqueeze(-1) * squares).mean(dim=(1, 2))
        return {"behaviour": training.per_member(behaviour), "q": q}

    def running(self) -> dict[str, Tensor]:
        tensors = {"value": self._value.buffer}
        for part, tensor in self._optimiser.state.items():
            tensors[f"value.adam_{part}"] = tensor
        return tensors

    def networks(self) -> list[FlatParameters]:
        return [self._value]


def _values(parameters: Parameters, observation_FBD: Tensor) -> Tensor:
    """V(s), (F, B)."""
    return mlp(parameters, observation_FBD).squeeze(-1)
