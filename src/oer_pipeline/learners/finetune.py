"""Fine-tuning: L = L_pi(D_n) in one policy, no protection of old tasks."""

from __future__ import annotations

from oer_pipeline.learners.protocol import Learner


class Finetune(Learner):
    """The learner that the others are measured against: a new head, the trunk goes
    on."""
