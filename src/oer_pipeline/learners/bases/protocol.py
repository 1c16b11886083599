"""What a base learner decides: what critics descend, what the policy that learns
descends, and what targets are.

Shapes: M members, F = J M folded members (J tasks learned at once, 1 but for
multitask), B batch, A action, N rows of D_n, C further columns, K minibatches between
two moves of the targets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.batches import Batch, Step
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.view import BaseView, Losses
from oer_pipeline.networks.flat import FlatParameters
from oer_pipeline.trajectories.table import Trajectories


class Base:
    """Subclasses say how one task is learned; one object serves one task, its options
    are `__init__`'s arguments.

    Every training has twin critics and their targets (`training.critic`,
    `training.target_critic`) and a target policy: selectors ask the critics, whatever
    the base. Methods do tensor work only, the same in every update, and change in place
    what they keep: updates are captured once and replayed.
    """

    needs_rewards: bool = True
    """Whether it learns from rewards; data without them are refused by name, before any
    work.

    Their `Batch.reward` is NaN.
    """

    def policy_delay(self, settings: LearnerSettings) -> int:
        """After how many updates of the values policies and targets move once."""
        return settings.policy_delay

    def further_columns(self, data: Trajectories) -> FloatArray:
        """What a minibatch's transitions bring along beside themselves, (N, C), as
        `Batch.further`."""
        return np.zeros((len(data), 0), np.float32)

    def start(self, training: BaseView) -> None:
        """At the task's start, once policies and critics are there."""

    def targets(
        self,
        training: BaseView,
        batches: Batch,
        noise_KFBA: Tensor,
    ) -> Sequence[Tensor | None]:
        """Of each of K minibatches what its update of the values takes from targets,
        (F, B).

        Args:
            training: what a base sees of it.
            batches: the minibatches one after another, (F, K B).
            noise_KFBA: from N(0, 1), for target policy smoothing.
        """
        return [None] * len(noise_KFBA)

    def update_values(
        self,
        training: BaseView,
        batch: Batch,
        target_FB: Tensor | None,
    ) -> Losses:
        """One update of critics and whatever else has values; its named losses (M,).

        Args:
            training: what a base sees of it.
            batch: of the task, (F, B).
            target_FB: as `targets` gave it for this minibatch.
        """
        return {}

    def losses(
        self,
        training: BaseView,
        step: Step,
        action_FBA: Tensor,
    ) -> Losses:
        """What the policy that learns descends with its actions on the batch: named
        losses (M,); what depends on no network is a curve.

        Args:
            training: what a base sees of it.
            step: what the update sees, the batch among it.
            action_FBA: of the policy that learns, with gradients.
        """
        raise NotImplementedError

    def running(self) -> dict[str, Tensor]:
        """Tensors that change during the task, for checkpoints; restored by copying
        into them."""
        return {}

    def networks(self) -> list[FlatParameters]:
        """The networks that it trains beside policies and critics."""
        return []
