"""Dual behaviour cloning: one policy learns the new task, another clones it and the
buffers (method, section 4)."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from oer_pipeline.common.checks import MOST_UPDATES, at_least, known, whole
from oer_pipeline.learners.protocol import Learner, Step
from oer_pipeline.learners.replay import replay_losses, with_replay
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.td3bc import cloning_loss
from oer_pipeline.networks.stacked import Parameters

TrunkStart = Literal["continual", "self", "fresh"]


class DualBehaviourCloning(Learner):
    """Task policy: L_pi(D_n). Continual policy c, deployed, which never sees a Q value:

    L_c = MSE_{D_n}(c_n(s), sg[pi_n(s)]) + (lambda / (n-1)) sum_{j<n} MSE_{B_j}(c_j(s),
    a_hat).

    `trunk_start`: where the task policy's trunk starts; `clone_tail`: updates of c
    alone at the task's end.
    """

    learning, deployed = "task", "continual"

    def __init__(
        self,
        replay_weight: float = 1.0,
        trunk_start: TrunkStart = "continual",
        clone_tail: int = 0,
    ) -> None:
        at_least("er_dbc: replay_weight", replay_weight, 0.0)
        whole("er_dbc: clone_tail", clone_tail, 0, MOST_UPDATES)
        known("er_dbc: trunk_start", trunk_start, get_args(TrunkStart))
        self.weight, self.replays = replay_weight, replay_weight > 0.0
        self.trunk_start, self.extra_updates = trunk_start, clone_tail

    def networks(self, training: TaskTraining) -> dict[str, Parameters]:
        before = training.previous
        trunks = (
            {}
            if before is None
            else {"continual": before.deployed, "self": before.task, "fresh": None}
        )
        return {
            "task": training.new_policy("policy", trunks.get(self.trunk_start)),
            "continual": training.continued("continual"),
        }

    def losses(self, training: TaskTraining, step: Step) -> dict[str, Tensor]:
        action = training.act(training.parameters("task"), step.batch.observation)
        return training.base_losses(step, action) | self._clone(
            training, step, action.detach()
        )

    def extra_losses(self, training: TaskTraining, step: Step) -> dict[str, Tensor]:
        action = training.act(
            training.networks["task"].constants, step.batch.observation
        )
        return self._clone(training, step, action)

    def _clone(
        self, training: TaskTraining, step: Step, wanted_MBA: Tensor
    ) -> dict[str, Tensor]:
        observation = step.batch.observation
        clone, old = with_replay(
            training.parameters("continual"), training.task, observation, step.replay
        )
        losses = {"clone": cloning_loss(clone, wanted_MBA)}
        if step.replay is not None:
            losses["replay"] = self.weight * replay_losses(old, step.replay).mean(dim=0)
        return losses
