"""Multi-layer perceptrons with a leading member axis, as plain functions of their parameters.

Shapes: M members, B batch, I inputs, H hidden, O outputs. A member's output is bit for bit the same alone and among
others (CPU, one thread); `tests/networks` holds it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from oer_pipeline.networks.products import aligned, products

ROWS = 16
"""Batches are padded to a multiple of this many rows: a matrix product rounds differently where a member's part of the
output is not aligned to whole vector registers, and where it starts depends on the members before it."""

Parameters = dict[str, Tensor]
"""`{layer}.weight` (M, I, O) and `{layer}.bias` (M, 1, O), layers counted from 0."""


def init_linear(inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Weight (M, inputs, outputs) and bias (M, 1, outputs), U(+-1/sqrt(inputs)) as torch.nn.Linear, per member."""
    bound = 1.0 / sqrt(inputs)

    def uniform(*shape: int) -> Tensor:
        draws = [torch.rand(shape, generator=g, device=g.device) for g in generators]
        return (torch.stack(draws) * 2.0 - 1.0) * bound

    return uniform(inputs, outputs), uniform(1, outputs)


def init_mlp(sizes: Sequence[int], generators: Sequence[torch.Generator]) -> Parameters:
    """An MLP of the given layer sizes, e.g. (20, 128, 128, 6); one generator per member."""
    parameters: Parameters = {}
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        parameters[f"{layer}.weight"], parameters[f"{layer}.bias"] = init_linear(inputs, outputs, generators)
    return parameters


def linear(weight: Tensor, bias: Tensor, x_MBI: Tensor) -> Tensor:
    """x W + b per member, (M, B, O)."""
    return _layers([weight, bias], x_MBI, last_activation=False)


def mlp(parameters: Mapping[str, Tensor], x_MBI: Tensor, last_activation: bool = False) -> Tensor:
    """ReLU MLP, (M, B, O); the last layer is linear unless `last_activation`."""
    return _layers(in_turn(parameters), x_MBI, last_activation)


def in_turn(parameters: Mapping[str, Tensor]) -> list[Tensor]:
    """Weights and biases in turn, layer by layer."""
    return [parameters[f"{layer}.{part}"] for layer in range(len(parameters) // 2) for part in ("weight", "bias")]


def _layers(parameters: Sequence[Tensor], x_MBI: Tensor, last_activation: bool) -> Tensor:
    rows, x_MBI = x_MBI.shape[1], padded(x_MBI)
    if not torch.is_grad_enabled():
        return forward(parameters, x_MBI, last_activation)[-1][:, :rows]
    output: Tensor = _Layers.apply(x_MBI, last_activation, *parameters)  # type: ignore[no-untyped-call]
    return output[:, :rows]


def padded(x_MBI: Tensor) -> Tensor:
    """With rows of zeros up to a multiple of `ROWS`."""
    spare = -x_MBI.shape[1] % ROWS
    return torch.nn.functional.pad(x_MBI, (0, 0, 0, spare)) if spare else x_MBI


class _Layers(torch.autograd.Function):
    """Layers with the backward pass written out: autograd's own hands on transposed gradients, on which ReLU's
    backward takes thirty times as long."""

    @staticmethod
    def forward(ctx: Any, x_MBI: Tensor, last_activation: bool, *parameters: Tensor) -> Tensor:
        values = forward(parameters, x_MBI, last_activation)
        ctx.last_activation = last_activation
        ctx.save_for_backward(*parameters[0::2], *values[:-1], values[-1] if last_activation else None)
        return values[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        of_input, _, *of_parameters = ctx.needs_input_grad
        layers = len(of_parameters) // 2
        weights, values = ctx.saved_tensors[:layers], ctx.saved_tensors[layers:]
        into = _gradients_like(weights) if any(of_parameters) else None
        found = backward(weights, values, gradient, into, ctx.last_activation, of_input)
        return found, None, *([None] * len(of_parameters) if into is None else into)


def forward(parameters: Sequence[Tensor], x_MBI: Tensor, last_activation: bool = False) -> list[Tensor]:
    """The input of each layer and the output of the last; `parameters` are weights and biases in turn.

    Rows have to be a multiple of `ROWS`.
    """
    layers = len(parameters) // 2
    values = [x_MBI]
    for layer in range(layers):
        output = products(values[-1], parameters[2 * layer], parameters[2 * layer + 1])
        values.append(output.relu_() if last_activation or layer < layers - 1 else output)
    return values


def backward(
    weights: Sequence[Tensor],
    values: Sequence[Tensor | None],
    gradient_MBO: Tensor,
    into: Sequence[Tensor] | None,
    last_activation: bool = False,
    of_input: bool = False,
) -> Tensor | None:
    """From the output's gradient the parameters', put `into` tensors in `forward`'s order, and the input's, if wanted.

    `values` as `forward` gives them; the last is not looked at without `last_activation`.
    """
    gradient, layers = gradient_MBO, len(weights)
    for layer in reversed(range(layers)):
        weight, x_MBI = weights[layer], values[layer]
        assert x_MBI is not None
        if last_activation or layer < layers - 1:
            gradient = _before_relu(gradient, values[layer + 1], in_place=layer < layers - 1)
        if into is not None:
            products(x_MBI.mT, gradient, out_MRC=into[2 * layer])
            torch.sum(gradient, dim=1, keepdim=True, out=into[2 * layer + 1])
        if layer or of_input:
            gradient = products(gradient, weight.mT)
    return gradient if of_input else None


def _gradients_like(weights: Sequence[Tensor]) -> list[Tensor]:
    """Memory for the gradients of weights and biases in turn."""
    pairs = [(aligned(w, *w.shape[1:]), w.new_empty(len(w), 1, w.shape[-1])) for w in weights]
    return [tensor for pair in pairs for tensor in pair]


def _before_relu(gradient: Tensor, value: Tensor | None, in_place: bool) -> Tensor:
    if in_place:
        passed: Tensor = torch.ops.aten.threshold_backward.grad_input(gradient, value, 0, grad_input=gradient)
    else:
        passed = torch.ops.aten.threshold_backward(gradient.contiguous(), value, 0)
    return passed


def detached(parameters: Mapping[str, Tensor]) -> Parameters:
    """The same storage without gradients."""
    return {name: tensor.detach() for name, tensor in parameters.items()}


def take_members(parameters: Mapping[str, Tensor], members: Sequence[int]) -> Parameters:
    """The given members, in the given order."""
    return {name: tensor[list(members)] for name, tensor in parameters.items()}


def stack_members(parameters: Sequence[Mapping[str, Tensor]]) -> Parameters:
    """Concatenate along the member axis; all must hold the same names."""
    return {name: torch.cat([p[name] for p in parameters]) for name in parameters[0]}
