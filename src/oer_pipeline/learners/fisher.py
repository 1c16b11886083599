"""Squared per-sample gradients of a policy's output, and the Fisher information that
they give.

A layer's gradient for one sample is the outer product of its input x and its delta, so
the sum over samples of the squares is one matrix product, (x^2)^T (delta^2): exact, at
the cost of one more backward pass.

Shapes: M members, B rows, D observation, A action, P parameters of the policy as
`FlatParameters.buffer` has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from oer_pipeline.learners.penalty import laid_out
from oer_pipeline.learners.view import LearnerView
from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import IDENTITY
from oer_pipeline.networks.products import products
from oer_pipeline.networks.randomness import generators
from oer_pipeline.networks.stacked import Parameters, detached, linear, padded

CHUNK = 4_096
"""Rows of D_n at a time; bounds the memory that the Fisher takes."""


def fisher(training: LearnerView) -> Tensor:
    """The diagonal Fisher information of the policy on D_n, (M, P); 0 where the newest
    task's action does not reach.

    The policy is deterministic, so it is taken for N(pi(s), I) (method, section 7):
    grad log N(a; pi(s), I) = sum_k (a - pi(s))_k grad pi_k(s), a drawn from the policy,
    hence a - pi(s) standard normal. One draw per row.
    """
    [table] = training.tables
    flat = training.networks["policy"]
    parameters = training.parameters("policy")
    draws = generators(
        "fisher",
        training.seeds,
        training.task,
        training.device,
    )
    total_MP = torch.zeros_like(flat.buffer)
    for observation_ND in torch.split(table.observation, CHUNK):
        rows = len(observation_ND)
        squares = squared_gradients(
            parameters,
            training.task,
            observation_ND.repeat(len(draws), 1, 1),
            standard_normal((rows, table.action_size), draws),
        )
        total_MP.add_(laid_out(flat, squares), alpha=rows / len(table))
    return total_MP


def standard_normal(
    shape: tuple[int, int], generators: Sequence[torch.Generator]
) -> Tensor:
    """Draws (M, *shape), a generator per member."""
    draws = []
    for generator in generators:
        draws.append(torch.randn(shape, generator=generator, device=generator.device))
    return torch.stack(draws)


def squared_gradients(
    parameters: Mapping[str, Tensor],
    task: int,
    observation_MBD: Tensor,
    direction_MBA: Tensor,
) -> Parameters:
    """The mean over rows of (d/d theta of sum_a direction_a pi_a(s))^2 for what a
    task's action goes through.

    Of a policy with the shared trunk `trunk.*`. Named and shaped as the parameters;
    those absent have gradient 0.

    Args:
        parameters: of the policy.
        task: its number, from 1.
        observation_MBD: s, standardised with the task's statistics.
        direction_MBA: drawn per row.
    """
    layers = _forward(parameters, task, padded(observation_MBD))
    action_MBA = layers[-1].output.tanh()
    # A row's action depends on no other row: the gradient of the sum over rows is each
    # row's own. Padding has none.
    deltas = torch.autograd.grad(
        action_MBA,
        [layer.output for layer in layers],
        padded(direction_MBA),
    )
    rows = observation_MBD.shape[1]
    mean: Parameters = {}
    for layer, delta in zip(layers, deltas, strict=True):
        squares = delta.square() / rows
        squared_input = layer.input.detach().square()
        mean[f"{layer.name}.weight"] = products(squared_input.mT, squares)
        mean[f"{layer.name}.bias"] = squares.sum(dim=1, keepdim=True)
    _part_identities(mean, policy.identities(parameters))
    return mean


class _Layer(NamedTuple):
    """A layer's name, and what went through it; the graph of gradients starts at
    outputs."""

    name: str
    input: Tensor
    output: Tensor  # before activation


def _forward(
    parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor
) -> list[_Layer]:
    """The layers that task `task`'s action goes through, the head last."""
    trunk = policy.trunk_layers(detached(parameters), task)
    weights = {f"trunk.{name}": p for name, p in trunk.items()}
    head = policy.head_name(parameters, task)
    for part in ("weight", "bias"):
        weights[f"{head}.{part}"] = parameters[f"{head}.{part}"].detach()
    names = [f"trunk.{i}" for i in range(len(trunk) // 2)]
    value = policy.inputs(parameters, task, observation_MBD)
    layers = []
    for name in [*names, head]:
        output = linear(
            weights[f"{name}.weight"],
            weights[f"{name}.bias"],
            value,
        )
        if not output.requires_grad:
            output.requires_grad_()
        layers.append(_Layer(name, value, output))
        value = output.relu()
    return layers


def _part_identities(mean: Parameters, tasks: list[int]) -> None:
    """Give the first layer's last rows their own names, as the policy holds its one-hot
    inputs, in place."""
    if not tasks:
        return
    weight = mean["trunk.0.weight"]
    observation = weight.shape[1] - len(tasks)
    mean["trunk.0.weight"] = weight[:, :observation]
    for row, task in enumerate(tasks, start=observation):
        mean[f"{IDENTITY}{task}"] = weight[:, row : row + 1]
