"""Riemannian walk (Chaudhry et al. 2018): a moving Fisher, and scores of how weights
lowered the loss per distance.

Shapes: M members, N rows of D_n, B batch, A action, P parameters (padded, see
networks.flat).
"""

from __future__ import annotations

import torch
from torch import Tensor

from oer_pipeline.common.checks import at_least, between
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.fisher import squared_gradients, standard_normal
from oer_pipeline.learners.penalty import QuadraticPenalty, laid_out, recalled, to_keep
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.view import LearnerView, Losses
from oer_pipeline.networks.randomness import generators


class RiemannianWalk(Learner):
    """L = L_pi(D_n) + penalty sum_i (F_i + s_i) (theta_i - theta*_i)^2, theta* the
    weights after the last task.

    - F, the Fisher of N(pi(s), I) as EWC's, is an exponential moving average over
      minibatches that goes on from task to task. `decay` = 0.98 an update remembers 50
      updates, the authors' interval between two steps of theirs. It starts at 0, for a
      new head with its task; in distances it is divided by the weight that it has given
      to minibatches so far, or the first 50 updates of new weights would hold a third
      of their score.
    - s sums max(0, - g_i d theta_i) / (d_i + damping mean_j d_j) over steps, where
      d_i = 1/2 F_i (d theta_i)^2 is the distance and g the gradient of L_pi alone. A
      step is one update here (the authors' is 50). Their epsilon is a constant, 0.001
      in their code; distances of a policy are 1e-12 to 1e-8 per step, so that it would
      leave nothing of them. `damping` is a share of the step's mean distance over the
      member's weights instead. At 1 a weight of the mean distance keeps half of its
      score.
    - At a task's end s = (s_old + s_new) / 2; a parameter's first score stands as it
      is.
    - In the penalty F and s are each divided by the member's largest, into [0, 1]. The
      paper also subtracts the least, which is 0: new parameters, of which each task has
      some, have no importance yet.
    """

    def __init__(
        self,
        penalty: float = 1.0,
        decay: float = 0.98,
        damping: float = 1.0,
    ) -> None:
        at_least("rwalk: penalty", penalty, 0.0)
        between("rwalk: decay", decay, 0.0, 0.9999)  # at 1 the Fisher would stay 0
        between("rwalk: damping", damping, 1e-6, 1e6)
        self._weight = penalty
        self._decay = decay
        self._damping = damping

    def start(self, training: LearnerView) -> None:
        theta = training.networks["policy"].buffer
        self._fisher = recalled(training, "fisher")
        self._seen = recalled(training, "seen")
        self._score = torch.zeros_like(theta)
        self._gradient = torch.zeros_like(theta)
        self._before = torch.zeros_like(theta)
        score = recalled(training, "score")
        self._penalty = QuadraticPenalty(
            weight=2.0 * self._weight,  # the paper's quadratic has no 1/2
            importance=_to_one(self._fisher) + _to_one(score),
            anchor=theta.clone(),
        )
        self._noise_MNA = _noise(training)

    def on_gradient(self, training: LearnerView, step: Step) -> Losses:
        policy = training.networks["policy"]
        batch = step.batch
        rows_MB1 = batch.rows.unsqueeze(-1)
        squares = squared_gradients(
            training.parameters("policy"),
            training.task,
            batch.observation,
            torch.take_along_dim(self._noise_MNA, rows_MB1, dim=1),
        )
        self._fisher.lerp_(laid_out(policy, squares), 1.0 - self._decay)
        self._seen.mul_(self._decay).add_(1.0 - self._decay)
        self._gradient.copy_(policy.gradient)
        self._before.copy_(policy.buffer)
        return self._penalty.add(policy)

    def after_update(self, training: LearnerView) -> None:
        policy = training.networks["policy"]
        moved = policy.buffer - self._before
        gain = (-self._gradient * moved).relu()
        # KL(before || after) along each weight
        distance = 0.5 * (self._fisher / self._seen) * moved.square()
        # Padding has distance 0 and does not count: `size` is without it.
        mean_M1 = distance.sum(dim=1, keepdim=True) / policy.size
        damped = distance + self._damping * mean_M1
        tiny = torch.finfo(damped.dtype).tiny  # a step of no distance scores nothing
        self._score.add_(torch.where(damped > tiny, gain / damped, 0.0))

    def running(self) -> dict[str, Tensor]:
        return {
            "fisher": self._fisher,
            "seen": self._seen,
            "score": self._score,
        }

    def finish(self, training: LearnerView) -> dict[str, Tensor]:
        kept = to_keep(training, "fisher", self._fisher)
        for name, score in to_keep(training, "score", self._score).items():
            old = training.kept.get(name)
            kept[name] = score if old is None else 0.5 * (old + score)
        return kept | to_keep(training, "seen", self._seen)


def _noise(training: LearnerView) -> Tensor:
    """a - pi(s) of the Fisher for every row of D_n, (M, N, A), drawn at once: a CUDA
    graph draws nothing itself.

    A row keeps its noise for the task; rows are many, and independent of one another.
    """
    [table] = training.tables
    draws = generators(
        "rwalk",
        training.seeds,
        training.task,
        training.device,
    )
    return standard_normal((len(table), table.action_size), draws)


def _to_one(values_MP: Tensor) -> Tensor:
    """Divided by each member's largest; zeros stay zeros."""
    largest_M1 = values_MP.amax(dim=1, keepdim=True)
    return values_MP / largest_M1.clamp_min(torch.finfo(values_MP.dtype).tiny)
