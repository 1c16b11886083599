"""Dual behaviour cloning: one policy learns the new task, another clones it and the
buffers (method, section 4).

Shapes: F folded members, B batch, A action.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from oer_pipeline.common.checks import MOST_UPDATES, at_least, known, whole
from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.replay import act_and_replay
from oer_pipeline.learners.state import Networks
from oer_pipeline.learners.view import LearnerView, Losses

TrunkStart = Literal["continual", "self", "fresh"]


class DualBehaviourCloning(Learner):
    """Task policy: L_pi(D_n). Continual policy c, deployed, which never sees a Q value:

    L_c = MSE_{D_n}(c_n(s), sg[pi_n(s)]) + (lambda / (n-1)) sum_{j<n} MSE_{B_j}(c_j(s),
    a_hat).

    `trunk_start`: where the task policy's trunk starts, and with a single head that
    head, too; `clone_tail`: updates of c alone at the task's end.
    """

    replays = True
    learning = "task"
    deployed = "continual"

    def __init__(
        self,
        replay_weight: float = 1.0,
        trunk_start: TrunkStart = "continual",
        clone_tail: int = 0,
    ) -> None:
        at_least("er_dbc: replay_weight", replay_weight, 0.0)
        whole("er_dbc: clone_tail", clone_tail, 0, MOST_UPDATES)
        known("er_dbc: trunk_start", trunk_start, get_args(TrunkStart))
        self.weight = replay_weight
        self.replays = replay_weight > 0.0
        self.trunk_start = trunk_start
        self.extra_updates = clone_tail

    def networks(self, context: TaskContext) -> Networks:
        start = None
        if context.previous is not None and self.trunk_start == "continual":
            start = context.previous.deployed
        if context.previous is not None and self.trunk_start == "self":
            start = context.previous.task
        return Networks(
            {
                "task": context.new_policy("policy", start),
                "continual": context.continued("continual"),
            }
        )

    def losses(self, training: LearnerView, step: Step) -> Losses:
        policy = training.parameters("task")
        action = training.act(policy, step.batch.observation)
        losses = training.base_losses(step, action)
        return losses | self._clone(training, step, action.detach())

    def extra_losses(self, training: LearnerView, step: Step) -> Losses:
        policy = training.networks["task"].constants
        action = training.act(policy, step.batch.observation)
        return self._clone(training, step, action)

    def _clone(
        self,
        training: LearnerView,
        step: Step,
        target_action_FBA: Tensor,
    ) -> Losses:
        policy = training.parameters("continual")
        action, replay_M = act_and_replay(policy, training.task, step)
        losses = {"clone": cloning_loss(action, target_action_FBA)}
        if replay_M is not None:
            losses["replay"] = self.weight * replay_M
        return losses
