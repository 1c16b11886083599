"""Online EWC (Schwarz et al. 2018, "Progress & Compress", section 4): one Fisher that
fades, one anchor."""

from __future__ import annotations

from torch import Tensor

from oer_pipeline.common.checks import at_least, between
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.fisher import fisher
from oer_pipeline.learners.penalty import QuadraticPenalty, recalled, to_keep
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.view import LearnerView, Losses


class OnlineEWC(Learner):
    """L = L_pi(D_n) + (penalty / 2) sum_i gamma F~_{n-1,i} (theta_i -
    theta*_{n-1,i})^2, F~_n = gamma F~_{n-1} + F_n.

    The anchor is the newest task's weights; gamma (`decay`) scales the penalty too, as
    in the paper. 0.95 keeps four fifths of a task's Fisher over five tasks; 1 forgets
    nothing. Each F_n is used as it is: that of N(pi(s), I) does not have the scale of
    rewards or losses, which differ between tasks.
    """

    def __init__(self, penalty: float = 1.0, decay: float = 0.95) -> None:
        at_least("online_ewc: penalty", penalty, 0.0)
        between("online_ewc: decay", decay, 0.0, 1.0)
        self._weight = penalty
        self._decay = decay

    def start(self, training: LearnerView) -> None:
        policy = training.networks["policy"]  # as the last task left it
        self._penalty = QuadraticPenalty(
            weight=self._weight,
            importance=self._decay * recalled(training, "fisher"),
            anchor=policy.buffer.clone(),
        )

    def on_gradient(self, training: LearnerView, step: Step) -> Losses:
        return self._penalty.add(training.networks["policy"])

    def finish(self, training: LearnerView) -> dict[str, Tensor]:
        total = self._penalty.importance + fisher(training)
        return to_keep(training, "fisher", total)
