"""Averaged GEM (Chaudhry et al. 2019; method, section 7): no step that harms the old
tasks on average.

Shapes: M members, P parameters of the policy.
"""

from __future__ import annotations

import torch
from torch import Tensor

from oer_pipeline.learners.batches import ReplayBatch, Step
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.replay import replay_loss
from oer_pipeline.learners.view import LearnerView, Losses
from oer_pipeline.networks.flat import FlatParameters
from oer_pipeline.networks.policy import act_each


class AGEM(Learner):
    """L = L_pi(D_n); if its gradient g has <g, g_ref> < 0, that part is taken out: g -
    <g, g_ref> / |g_ref|^2 g_ref.

    g_ref is the gradient of mean_{j<n} MSE_{B_j}(pi_j(s), a_hat). The paper descends by
    plain SGD; here Adam takes the projected gradient.
    """

    replays = True

    def on_gradient(self, training: LearnerView, step: Step) -> Losses | None:
        if step.replay is None:
            return None
        policy = training.networks["policy"]
        gradient_MP = policy.gradient.double()
        reference_MP = _reference(policy, step.replay).double()
        inner_M1 = (gradient_MP * reference_MP).sum(dim=1, keepdim=True)
        length_M1 = reference_MP.square().sum(dim=1, keepdim=True)
        projected_MP = gradient_MP - inner_M1 / length_M1 * reference_MP
        harms_M1 = inner_M1 < 0.0
        policy.gradient.copy_(torch.where(harms_M1, projected_MP, gradient_MP))
        return {"violated": harms_M1.float().squeeze(1)}


def _reference(policy: FlatParameters, replay: ReplayBatch) -> Tensor:
    """g_ref, (M, P)."""
    observations = list(replay.observation)
    tasks = range(1, len(observations) + 1)
    actions = act_each(policy.views, tasks, observations)
    loss_M = replay_loss(actions, replay)
    parts = torch.autograd.grad(
        loss_M.sum(),
        list(policy.views.values()),
        materialize_grads=True,
    )
    return policy.flatten(parts)
