"""Independent networks: every task learned from scratch, the reference for forward
transfer (method, sections 7, 8)."""

from __future__ import annotations

from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.state import Networks
from oer_pipeline.networks.policy import IDENTITY, SHARED, own_trunk


class SingleTask(Learner):
    """L = L_pi(D_n) in a network of the task alone; those of old tasks are deployed
    beside it, untouched.

    With `heads: single` just the same: a network with one task needs no one-hot input
    to tell it from others.
    """

    def networks(self, context: TaskContext) -> Networks:
        fixed = {}
        if context.previous is not None:
            for name, tensor in context.previous.deployed.items():
                fixed[name] = tensor.to(context.device)
        shared_head = f"head.{SHARED}."
        head = f"head.{context.task}."
        fresh = own_trunk(context.new_policy("policy", None), context.task)
        trained = {}
        for name, tensor in fresh.items():
            if not name.startswith(IDENTITY):
                trained[name.replace(shared_head, head)] = tensor
        return Networks({"policy": trained}, fixed)
