"""Experience replay with one multi-head policy (method, section 3), and fine-tuning, which is ER without a buffer."""

from __future__ import annotations

from torch import Tensor

from oer_pipeline.learners.batches import Batch, ReplayBatch
from oer_pipeline.learners.learner import Learner
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.replay import replay_actions, replay_loss
from oer_pipeline.networks.stacked import Parameters


class ExperienceReplay(Learner):
    """L = L_pi(D_n) + (lambda / (n-1)) sum_{j<n} MSE_{B_j}(pi_j(s), a_hat)."""

    def start(self, previous: Policies | None) -> dict[str, Parameters]:
        if previous is None:
            return {"policy": self.new_policy("policy", None)}
        old = {name: tensor.to(self.device) for name, tensor in previous.deployed.items()}
        return {"policy": {**old, **self.new_policy("policy", previous.deployed)}}

    def policy_losses(self, batch: Batch, replay: ReplayBatch | None) -> dict[str, Tensor]:
        action, old_actions = replay_actions(self.networks["policy"].views, self.task, batch.observation, replay)
        losses = self.td3bc_losses(batch.observation, action, batch.action)
        if replay is not None:
            losses["replay"] = replay_loss(old_actions, replay, self.settings.replay_weight)
        return losses

    def deployed(self) -> tuple[Parameters, Parameters | None]:
        return self.networks["policy"].views, None


class Finetune(ExperienceReplay):
    """L = L_pi(D_n): no protection of old tasks."""

    replays = False
