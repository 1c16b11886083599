"""Behaviour cloning: the policy repeats the data's actions; the critics stay as they
start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.protocol import Step
from oer_pipeline.learners.td3bc import cloning_loss

if TYPE_CHECKING:
    from oer_pipeline.learners.task_training import TaskTraining


class BehaviourCloning(Base):
    """L_pi = MSE(pi(s), a)."""

    needs_rewards = False

    def losses(
        self, training: TaskTraining, step: Step, action_FBA: Tensor
    ) -> dict[str, Tensor]:
        return {
            "behaviour": training.per_member(
                cloning_loss(action_FBA, step.batch.action)
            )
        }
