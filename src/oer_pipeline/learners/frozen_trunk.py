"""A trunk that stays as the first task left it: no forgetting, and no more plasticity
than a head has."""

from __future__ import annotations

from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.state import Networks


class FrozenTrunk(Learner):
    """L = L_pi(D_n), in trunk and head on the first task and in the new head alone on
    later ones (method, section 7).

    With a single head, that head goes on learning, and the new task's one-hot input
    with it: the trunk and the old tasks' inputs are frozen, but old tasks can be
    forgotten in the head.
    """

    def networks(self, context: TaskContext) -> Networks:
        policy = context.continued("policy")
        if context.previous is None:
            return Networks({"policy": policy})
        trained = {}
        for name, tensor in context.new_policy("policy", policy).items():
            if not name.startswith("trunk."):
                trained[name] = tensor
        fixed = {name: p for name, p in policy.items() if name not in trained}
        return Networks({"policy": trained}, fixed)
