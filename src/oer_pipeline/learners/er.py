"""Experience replay with one policy (method, section 3)."""

from __future__ import annotations

from oer_pipeline.common.checks import at_least
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.replay import act_and_replay
from oer_pipeline.learners.view import LearnerView, Losses


class ExperienceReplay(Learner):
    """L = L_pi(D_n) + (lambda / (n-1)) sum_{j<n} MSE_{B_j}(pi_j(s), a_hat).

    With a weight of 0 nothing is drawn from the buffers: fine-tuning.
    """

    replays = True

    def __init__(self, replay_weight: float = 1.0) -> None:
        at_least("er: replay_weight", replay_weight, 0.0)
        self.weight = replay_weight
        self.replays = replay_weight > 0.0

    def losses(self, training: LearnerView, step: Step) -> Losses:
        policy = training.parameters("policy")
        action, replay_M = act_and_replay(policy, training.task, step)
        losses = training.base_losses(step, action)
        if replay_M is not None:
            losses["replay"] = self.weight * replay_M
        return losses
