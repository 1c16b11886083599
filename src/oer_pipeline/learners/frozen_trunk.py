"""A trunk that stays as the first task left it: no forgetting, and no more plasticity
than a head has."""

from __future__ import annotations

from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.stacked import Parameters


class FrozenTrunk(Learner):
    """L = L_pi(D_n), in trunk and head on the first task and in the new head alone on
    later ones (method, section 7).

    With a single head, that head goes on learning, and the new task's one-hot input
    with it: the trunk and the old tasks' inputs are frozen, but old tasks can be
    forgotten in the head.
    """

    def networks(self, training: TaskTraining) -> dict[str, Parameters]:
        whole = training.continued("policy")
        if training.previous is None:
            return {"policy": whole}
        new = training.new_policy("policy", whole)
        trained = {
            name: tensor
            for name, tensor in new.items()
            if not name.startswith("trunk.")
        }
        training.fixed = {
            name: tensor for name, tensor in whole.items() if name not in trained
        }
        return {"policy": trained}
