"""Multi-layer perceptrons with a leading member axis, as plain functions of their parameters.

Shapes: M members, B batch, I inputs, H hidden, O outputs. A member's output is bit for bit the same alone and among
others (CPU, one thread); `tests/networks` holds it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor

ROWS = 16
"""Batches are padded to a multiple of this many rows: a matrix product rounds differently where a member's part of the
memory is not aligned to whole vector registers, and where it starts depends on the members before it."""

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
    if weight.shape[-1] == 1:
        # A matrix product of output width 1 takes another code path with one member than with several.
        return (x_MBI * weight.transpose(1, 2)).sum(-1, keepdim=True) + bias
    spare = -x_MBI.shape[1] % ROWS
    padded_MBI = torch.nn.functional.pad(x_MBI, (0, 0, 0, spare)) if spare else x_MBI
    return torch.baddbmm(bias, padded_MBI, weight)[:, : x_MBI.shape[1]]


def mlp(parameters: Mapping[str, Tensor], x_MBI: Tensor, last_activation: bool = False) -> Tensor:
    """ReLU MLP, (M, B, O); the last layer is linear unless `last_activation`."""
    layers = len(parameters) // 2
    hidden = x_MBI
    for layer in range(layers):
        hidden = linear(parameters[f"{layer}.weight"], parameters[f"{layer}.bias"], hidden)
        if last_activation or layer < layers - 1:
            hidden = torch.relu(hidden)
    return hidden


def detached(parameters: Mapping[str, Tensor]) -> Parameters:
    """The same storage without gradients."""
    return {name: tensor.detach() for name, tensor in parameters.items()}


def take_members(parameters: Mapping[str, Tensor], members: Sequence[int]) -> Parameters:
    """The given members, in the given order."""
    return {name: tensor[list(members)] for name, tensor in parameters.items()}


def stack_members(parameters: Sequence[Mapping[str, Tensor]]) -> Parameters:
    """Concatenate along the member axis; all must hold the same names."""
    return {name: torch.cat([p[name] for p in parameters]) for name in parameters[0]}
