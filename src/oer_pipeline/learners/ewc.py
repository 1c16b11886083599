"""Elastic weight consolidation (Kirkpatrick et al. 2017): every old task holds its
weights, each by its own Fisher."""

from __future__ import annotations

import torch
from torch import Tensor

from oer_pipeline.common.checks import at_least
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.fisher import fisher
from oer_pipeline.learners.penalty import QuadraticPenalty, recalled, to_keep
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.view import LearnerView, Losses


class EWC(Learner):
    """L = L_pi(D_n) + (penalty / 2) sum_{j<n} sum_i F_{j,i} (theta_i - theta*_{j,i})^2.

    F_j is the Fisher after task j on D_j (method, section 7), theta*_j the weights
    then. What is kept is F = sum_j F_j and the mean of the theta*_j weighted by F_j:
    (penalty / 2) sum_i F_i (theta_i - mean_i)^2 is the same but for a constant, so its
    gradient is exactly that of the sum, in memory that does not grow with tasks. The
    curve `penalty` is without that constant. Where F is 0 the mean is anything, and
    pulls nothing.
    """

    def __init__(self, penalty: float = 1.0) -> None:
        at_least("ewc: penalty", penalty, 0.0)
        self._weight = penalty

    def start(self, training: LearnerView) -> None:
        self._penalty = QuadraticPenalty(
            weight=self._weight,
            importance=recalled(training, "fisher"),
            anchor=recalled(training, "anchor"),
        )

    def on_gradient(self, training: LearnerView, step: Step) -> Losses:
        return self._penalty.add(training.networks["policy"])

    def finish(self, training: LearnerView) -> dict[str, Tensor]:
        theta = training.networks["policy"].buffer
        new = fisher(training)
        total = self._penalty.importance + new
        share = new / total.clamp_min(torch.finfo(total.dtype).tiny)
        anchor = torch.lerp(self._penalty.anchor, theta, share)
        return to_keep(training, "fisher", total) | to_keep(training, "anchor", anchor)
