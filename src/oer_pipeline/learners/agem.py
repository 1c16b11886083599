"""Averaged GEM (Chaudhry et al. 2019; method, section 7): no step that harms the old
tasks on average."""

from __future__ import annotations

import torch

from oer_pipeline.learners.protocol import Learner, Step
from oer_pipeline.learners.replay import replay_losses
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.policy import act_each


class AGEM(Learner):
    """L = L_pi(D_n); if its gradient g has <g, g_ref> < 0, that part is taken out: g -
    <g, g_ref> / |g_ref|^2 g_ref.

    g_ref is the gradient of mean_{j<n} MSE_{B_j}(pi_j(s), a_hat). The paper descends by
    plain SGD; here Adam takes the projected gradient.
    """

    replays = True

    def on_gradient(self, training: TaskTraining, step: Step) -> None:
        if step.replay is None:
            return
        network, old = training.networks["policy"], list(step.replay.observation)
        loss_M = replay_losses(
            act_each(network.views, range(1, len(old) + 1), old), step.replay
        ).mean(dim=0)
        parts = torch.autograd.grad(
            loss_M.sum(), list(network.views.values()), materialize_grads=True
        )
        gradient, reference_MP = (
            network.gradient.double(),
            network.flatten(parts).double(),
        )
        inner_M1 = (gradient * reference_MP).sum(dim=1, keepdim=True)
        projected = (
            gradient
            - inner_M1 / reference_MP.square().sum(dim=1, keepdim=True) * reference_MP
        )
        network.gradient.copy_(torch.where(inner_M1 < 0.0, projected, gradient))
        training.watched["violated"] = (inner_M1 < 0.0).float().squeeze(1)
