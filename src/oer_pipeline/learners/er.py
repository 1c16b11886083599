"""Experience replay with one policy (method, section 3)."""

from __future__ import annotations

from torch import Tensor

from oer_pipeline.common.checks import at_least
from oer_pipeline.learners.protocol import Learner, Step
from oer_pipeline.learners.replay import replay_losses, with_replay
from oer_pipeline.learners.task_training import TaskTraining


class ExperienceReplay(Learner):
    """L = L_pi(D_n) + (lambda / (n-1)) sum_{j<n} MSE_{B_j}(pi_j(s), a_hat)."""

    def __init__(self, replay_weight: float = 1.0) -> None:
        at_least("er: replay_weight", replay_weight, 0.0)
        self.weight, self.replays = (
            replay_weight,
            replay_weight > 0.0,
        )  # of weight 0 nothing is drawn: fine-tuning

    def losses(self, training: TaskTraining, step: Step) -> dict[str, Tensor]:
        observation = step.batch.observation
        action, old = with_replay(
            training.parameters("policy"), training.task, observation, step.replay
        )
        losses = training.base_losses(step, action)
        if step.replay is not None:
            losses["replay"] = self.weight * replay_losses(old, step.replay).mean(dim=0)
        return losses
