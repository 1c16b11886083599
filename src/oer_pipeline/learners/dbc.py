"""Dual behaviour cloning: one policy learns the new task, another clones it and the buffers (method, section 4)."""

from __future__ import annotations

from torch import Tensor

from oer_pipeline.learners.batches import Batch, ReplayBatch
from oer_pipeline.learners.learner import Learner
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.replay import replay_actions, replay_loss
from oer_pipeline.learners.td3bc import cloning_loss
from oer_pipeline.networks import policy
from oer_pipeline.networks.stacked import Parameters


class DualBehaviourCloning(Learner):
    """Task policy: L_pi(D_n). Continual policy c, deployed, which never sees a Q value:

    L_c = MSE_{D_n}(c_n(s), sg[pi_n(s)]) + (lambda / (n-1)) sum_{j<n} MSE_{B_j}(c_j(s), a_hat).
    """

    learning = "task"

    def start(self, previous: Policies | None) -> dict[str, Parameters]:
        if previous is None:
            return {"task": self.new_policy("policy", None), "continual": self.new_policy("continual", None)}
        trunks = {"continual": previous.deployed, "self": previous.task, "fresh": None}
        old = {name: tensor.to(self.device) for name, tensor in previous.deployed.items()}
        return {
            "task": self.new_policy("policy", trunks[self.settings.trunk_start]),
            "continual": {**old, **self.new_policy("continual", previous.deployed)},
        }

    def policy_losses(self, batch: Batch, replay: ReplayBatch | None) -> dict[str, Tensor]:
        action = policy.act(self.networks["task"].views, self.task, batch.observation)
        clone, old_clones = replay_actions(self.networks["continual"].views, self.task, batch.observation, replay)
        losses = self.td3bc_losses(batch.observation, action, batch.action)
        losses["clone"] = cloning_loss(clone, action.detach())
        if replay is not None:
            losses["replay"] = replay_loss(old_clones, replay, self.settings.replay_weight)
        return losses

    def deployed(self) -> tuple[Parameters, Parameters | None]:
        return self.networks["continual"].views, self.networks["task"].views
