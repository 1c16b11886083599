"""Multitask learning: L_pi of all tasks at once, an upper reference that continual
learners do not have."""

from __future__ import annotations

from oer_pipeline.learners.protocol import Learner


class Multitask(Learner):
    """L = (1/N) sum_n L_pi(D_n) in one policy, with critics of its own for every task
    (method, section 7)."""

    together = True
