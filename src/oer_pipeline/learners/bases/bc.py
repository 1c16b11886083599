"""Behaviour cloning: the policy repeats the data's actions; the critics stay as they
start."""

from __future__ import annotations

from torch import Tensor

from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.view import BaseView, Losses


class BehaviourCloning(Base):
    """L_pi = MSE(pi(s), a)."""

    needs_rewards = False

    def losses(
        self,
        training: BaseView,
        step: Step,
        action_FBA: Tensor,
    ) -> Losses:
        behaviour = cloning_loss(action_FBA, step.batch.action)
        return {"behaviour": training.per_member(behaviour)}
