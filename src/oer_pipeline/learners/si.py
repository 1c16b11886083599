"""Synaptic intelligence (Zenke, Poole & Ganguli 2017): a weight matters as much as it
lowered the loss on its way.

Shapes: M members, P parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor

from oer_pipeline.common.checks import at_least
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.penalty import QuadraticPenalty, recalled, to_keep
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.view import LearnerView, Losses


class SynapticIntelligence(Learner):
    """L = L_pi(D_n) + penalty sum_i Omega_i (theta_i - theta*_i)^2, theta* the weights
    after the last task.

    During a task omega_i = - sum over updates of g_i (change of theta_i), g the
    minibatch gradient of L_pi alone. After it, Omega_i <- max(0, Omega_i + omega_i /
    ((change of theta_i over the task)^2 + damping)). The paper's equation has no max;
    its authors' code does, and needs it: a negative Omega would drive its weight away
    without bound. damping (xi) = 0.1 is the paper's.
    """

    def __init__(self, penalty: float = 1.0, damping: float = 0.1) -> None:
        at_least("si: penalty", penalty, 0.0)
        at_least("si: damping", damping, 1e-8)
        self._weight = penalty
        self._damping = damping

    def start(self, training: LearnerView) -> None:
        theta = training.networks["policy"].buffer
        self._penalty = QuadraticPenalty(
            weight=2.0 * self._weight,  # the paper's quadratic has no 1/2
            importance=recalled(training, "importance"),
            anchor=theta.clone(),
        )
        self._path = torch.zeros_like(theta)
        self._gradient = torch.zeros_like(theta)
        self._before = torch.zeros_like(theta)

    def on_gradient(self, training: LearnerView, step: Step) -> Losses:
        policy = training.networks["policy"]
        self._gradient.copy_(policy.gradient)
        self._before.copy_(policy.buffer)
        return self._penalty.add(policy)

    def after_update(self, training: LearnerView) -> None:
        theta = training.networks["policy"].buffer
        change = theta - self._before
        self._path.addcmul_(self._gradient, change, value=-1.0)

    def running(self) -> dict[str, Tensor]:
        return {"path": self._path}

    def finish(self, training: LearnerView) -> dict[str, Tensor]:
        theta = training.networks["policy"].buffer
        change = theta - self._penalty.anchor
        per_distance = self._path / (change.square() + self._damping)
        importance = self._penalty.importance + per_distance
        return to_keep(training, "importance", importance.relu())
