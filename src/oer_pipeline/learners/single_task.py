"""Independent networks: every task learned from scratch, the reference for forward
transfer (method, sections 7, 8)."""

from __future__ import annotations

from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.policy import SHARED, own_trunk
from oer_pipeline.networks.stacked import Parameters


class SingleTask(Learner):
    """L = L_pi(D_n) in a network of the task's own; those of old tasks are deployed
    beside it, untouched.

    With `heads: single` just the same: a network with one task needs no one-hot input
    to tell it from others.
    """

    def networks(self, training: TaskTraining) -> dict[str, Parameters]:
        if training.previous is not None:
            training.fixed = {
                n: p.to(training.device) for n, p in training.previous.deployed.items()
            }
        new = own_trunk(training.new_policy("policy", None), training.task)
        head = f"head.{training.task}."
        return {
            "policy": {
                name.replace(f"head.{SHARED}.", head): tensor
                for name, tensor in new.items()
                if not name.startswith("identity.")
            }
        }
