"""The quadratic penalty of the learners that hold weights, and what they keep from task
to task.

Shapes: M members, P parameters of the policy, laid out as `FlatParameters.buffer` is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from oer_pipeline.learners.view import LearnerView, Losses
from oer_pipeline.networks.flat import FlatParameters
from oer_pipeline.networks.stacked import Parameters


@dataclass(frozen=True)
class QuadraticPenalty:
    """(weight / 2) sum_i importance_i (theta_i - anchor_i)^2 on the policy.

    Its gradient is added by hand: the gradient of L_pi alone is what path integrals
    need, and a flat operation costs less than autograd's way through the named parts.
    """

    weight: float
    importance: Tensor  # (M, P)
    anchor: Tensor  # (M, P)

    def add(self, policy: FlatParameters) -> Losses:
        """Add the gradient to the policy's, in place; the value (M,) as the curve
        `penalty`."""
        moved = policy.buffer - self.anchor
        pull = self.importance * moved
        policy.gradient.add_(pull, alpha=self.weight)
        quadratic = (pull * moved).sum(dim=1)
        return {"penalty": 0.5 * self.weight * quadratic}


def laid_out(
    policy: FlatParameters,
    parts: Mapping[str, Tensor],
) -> Tensor:
    """Tensors by the names of the policy's parameters as one (M, P); 0 where there is
    none."""
    every = []
    for name, view in policy.views.items():
        if name in parts:
            every.append(parts[name])
        else:
            every.append(torch.zeros_like(view))
    return policy.flatten(every)


def recalled(training: LearnerView, what: str) -> Tensor:
    """What the tasks before kept as `what`, (M, P); 0 for parameters that are new: a
    head, a one-hot input's row."""
    prefix = f"{what}."
    parts: Parameters = {}
    for name, part in training.kept.items():
        if name.startswith(prefix):
            parts[name.removeprefix(prefix)] = part
    return laid_out(training.networks["policy"], parts)


def to_keep(
    training: LearnerView,
    what: str,
    values_MP: Tensor,
) -> Parameters:
    """The inverse of `recalled`: by parameter name, so that the policy may grow in
    between.

    Args:
        training: what a learner sees of it.
        what: the values are; `recalled` asks by the same word.
        values_MP: laid out as the policy's parameters are.
    """
    parts = training.networks["policy"].unflatten(values_MP)
    return {f"{what}.{name}": part for name, part in parts.items()}
