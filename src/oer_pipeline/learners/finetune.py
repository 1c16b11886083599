"""Fine-tuning: L = L_pi(D_n) in one policy, no protection of old tasks."""

from __future__ import annotations

from oer_pipeline.learners.protocol import Learner


class Finetune(Learner):
    """The learner that the others are measured against: the trunk goes on with a new
    head; a single head goes on, too, with a new one-hot input."""
