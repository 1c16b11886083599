"""Squared per-sample gradients of a policy's output, and the Fisher information that
they give.

A layer's gradient for one sample is the outer product of its input x and its delta, so
the sum over samples of the squares is one matrix product, (x^2)^T (delta^2): exact, at
the cost of one more backward pass.

Shapes: M members, B rows, D observation, A action, P parameters of the policy as
`FlatParameters.buffer` has them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from oer_pipeline.learners.penalty import laid_out
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import policy
from oer_pipeline.networks.products import products
from oer_pipeline.networks.randomness import generators
from oer_pipeline.networks.stacked import Parameters, detached, linear, padded

CHUNK = 4_096
"""Rows of D_n at a time; bounds the memory that the Fisher takes."""


def fisher(training: TaskTraining) -> Tensor:
    """The diagonal Fisher information of the policy on D_n, (M, P); 0 where the newest
    task's action does not reach.

    The policy is deterministic, so it is taken for N(pi(s), I) (method, section 7):
    grad log N(a; pi(s), I) = sum_k (a - pi(s))_k grad pi_k(s), a drawn from the policy,
    hence a - pi(s) standard normal. One draw a row.
    """
    flat, [table] = training.networks["policy"], training.tables
    parameters = training.parameters("policy")
    own = generators("fisher", training.seeds, training.task, training.device)
    total_MP = torch.zeros_like(flat.buffer)
    for rows in torch.split(table.rows[:, : table.observation_size], CHUNK):
        shape = (len(rows), table.action_size)
        noise_MBA = torch.stack(
            [torch.randn(shape, generator=g, device=g.device) for g in own]
        )
        squares = squared_gradients(
            parameters, training.task, rows.repeat(len(own), 1, 1), noise_MBA
        )
        total_MP.add_(laid_out(flat, squares), alpha=len(rows) / len(table))
    return total_MP


def squared_gradients(
    parameters: Mapping[str, Tensor],
    task: int,
    observation_MBD: Tensor,
    direction_MBA: Tensor,
) -> Parameters:
    """The mean over rows of (d/d theta of sum_a direction_a pi_a(s))^2 for what task
    `task`'s action goes through.

    Of a policy with the shared trunk `trunk.*`. Named and shaped as the parameters;
    those absent have gradient 0.
    """
    layers, values, outputs, action_MBA = _forward(
        parameters, task, padded(observation_MBD)
    )
    # A row's action depends on no other row: the gradient of the sum over rows is each
    # row's own. Padding has none.
    deltas = torch.autograd.grad(action_MBA, outputs, padded(direction_MBA))
    rows, found = observation_MBD.shape[1], Parameters()
    for layer, value, delta in zip(layers, values, deltas, strict=True):
        squares = delta.square() / rows
        found[f"{layer}.weight"] = products(value.detach().square().mT, squares)
        found[f"{layer}.bias"] = squares.sum(dim=1, keepdim=True)
    return _apart(found, policy.identities(parameters))


def _forward(
    parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor
) -> tuple[list[str], list[Tensor], list[Tensor], Tensor]:
    """The layers' names, their inputs and outputs before activation, and the actions;
    the graph starts at outputs."""
    trunk = policy.trunk_layers(detached(parameters), task)
    layers = [f"trunk.{i}" for i in range(len(trunk) // 2)]
    head = policy.head_name(parameters, task)
    weights = {f"trunk.{name}": p for name, p in trunk.items()}
    weights |= {
        name: parameters[name].detach() for name in (f"{head}.weight", f"{head}.bias")
    }
    value, values, outputs = policy.inputs(parameters, task, observation_MBD), [], []
    for layer in [*layers, head]:
        output = linear(weights[f"{layer}.weight"], weights[f"{layer}.bias"], value)
        values.append(value)
        outputs.append(output if output.requires_grad else output.requires_grad_())
        value = output.relu()
    return [*layers, head], values, outputs, outputs[-1].tanh()


def _apart(found: Parameters, identities: list[int]) -> Parameters:
    """The first layer's last rows under their own names, as the policy holds its
    one-hot inputs."""
    if not identities:
        return found
    observation = found["trunk.0.weight"].shape[1] - len(identities)
    first, *rows = torch.split(
        found["trunk.0.weight"], [observation, *(1 for _ in identities)], dim=1
    )
    return (
        found
        | {"trunk.0.weight": first}
        | {f"identity.{j}": row for j, row in zip(identities, rows, strict=True)}
    )
