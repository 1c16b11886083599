"""Riemannian walk (Chaudhry et al. 2018): a moving Fisher, and scores of how weights lowered the loss per distance.

Shapes: M members, N rows of D_n, B batch, A action, P parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor

from oer_pipeline.learners.fisher import squared_gradients
from oer_pipeline.learners.penalty import QuadraticPenalty, laid_out, recalled, to_keep
from oer_pipeline.learners.protocol import Learner, Step
from oer_pipeline.learners.settings import at_least, between
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.randomness import generators


class RiemannianWalk(Learner):
    """L = L_pi(D_n) + penalty sum_i (F_i + s_i) (theta_i - theta*_i)^2, theta* the weights after the last task.

    - F, the Fisher of N(pi(s), I) as EWC's, is an exponential moving average over minibatches that goes on from task to
      task. `decay` = 0.98 an update remembers 50 updates, the authors' interval between two steps of theirs. It starts
      at 0, which it has forgotten after a few times 50 updates.
    - s sums max(0, - g_i d theta_i) / (1/2 F_i (d theta_i)^2 + damping) over steps, g the gradient of L_pi alone. A
      step is one update here (the authors' is 50); damping (epsilon) = 0.001 is that of their code.
    - At a task's end s = (s_old + s_new) / 2; a parameter's first score stands as it is.
    - In the penalty F and s are each divided by the member's largest, into [0, 1]. The paper also subtracts the least,
      which is 0: new parameters, of which each task has some, have no importance yet.
    """

    def __init__(self, penalty: float = 1.0, decay: float = 0.98, damping: float = 1e-3) -> None:
        at_least("rwalk: penalty", penalty, 0.0)
        between("rwalk: decay", decay, 0.0, 1.0)
        at_least("rwalk: damping", damping, 1e-8)
        self._weight, self._decay, self._damping = penalty, decay, damping

    def start(self, training: TaskTraining) -> None:
        policy = training.networks["policy"]
        self._fisher = recalled(training, "fisher")
        self._score, self._gradient, self._before = (torch.zeros_like(policy.buffer) for _ in range(3))
        importance = _to_one(self._fisher) + _to_one(recalled(training, "score"))
        twice = 2.0 * self._weight  # the paper's quadratic has no 1/2
        self._penalty = QuadraticPenalty(twice, importance, policy.buffer.clone())
        self._noise_MNA = _noise(training)

    def on_gradient(self, training: TaskTraining, step: Step) -> None:
        policy = training.networks["policy"]
        noise_MBA = torch.take_along_dim(self._noise_MNA, step.rows.unsqueeze(-1), dim=1)
        squares = squared_gradients(training.parameters("policy"), training.task, step.batch.observation, noise_MBA)
        self._fisher.lerp_(laid_out(policy, squares), 1.0 - self._decay)
        self._gradient.copy_(policy.gradient)
        self._before.copy_(policy.buffer)
        self._penalty.add(training)

    def after_update(self, training: TaskTraining) -> None:
        moved = training.networks["policy"].buffer - self._before
        gain = -self._gradient * moved
        distance = 0.5 * self._fisher * moved.square()  # KL(before || after) along each weight
        self._score.add_(gain.relu() / (distance + self._damping))

    def running(self) -> dict[str, Tensor]:
        return {"fisher": self._fisher, "score": self._score}

    def finish(self, training: TaskTraining) -> dict[str, Tensor]:
        new = to_keep(training, "score", self._score)
        old = training.kept
        score = {name: 0.5 * (old[name] + part) if name in old else part for name, part in new.items()}
        return to_keep(training, "fisher", self._fisher) | score


def _noise(training: TaskTraining) -> Tensor:
    """a - pi(s) of the Fisher for every row of D_n, (M, N, A), drawn at once: a CUDA graph draws nothing itself.

    A row keeps its noise for the task; rows are many, and independent of one another.
    """
    [table] = training.tables
    own = generators("rwalk", training.seeds, training.task, training.device)
    return torch.stack([torch.randn((len(table), table.action_size), generator=g, device=g.device) for g in own])


def _to_one(values_MP: Tensor) -> Tensor:
    """Divided by each member's largest; zeros stay zeros."""
    return values_MP / values_MP.amax(dim=1, keepdim=True).clamp_min(torch.finfo(values_MP.dtype).tiny)
