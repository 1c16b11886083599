"""Multi-layer perceptrons with a leading member axis, as plain functions of their
parameters.

Shapes: M members, B batch, I inputs, H hidden, O outputs. A member's output is bit for
bit the same alone and among others (CPU, one thread); `tests/networks` holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from oer_pipeline.networks.products import REGISTER, aligned, products

ROWS = REGISTER
"""Batches are padded to a multiple of this many rows: a matrix product rounds
differently where a member's part of the output is not aligned to whole vector
registers, and where it starts depends on the members before it."""
EPSILON = 1e-5
"""Added to the variance where hidden units are normalised, as torch.nn.LayerNorm
does."""

Parameters = dict[str, Tensor]
"""`{layer}.weight` (M, I, O) and `{layer}.bias` (M, 1, O), layers counted from 0; where
a hidden layer is normalised, also `{layer}.scale` and `{layer}.shift` (M, 1, H)."""


class Layer(NamedTuple):
    """x W + b; a hidden layer's is normalised over its units if there are scale and
    shift, then goes through ReLU."""

    weight: Tensor  # (M, I, O)
    bias: Tensor  # (M, 1, O)
    scale: Tensor | None = None  # (M, 1, O)
    shift: Tensor | None = None  # (M, 1, O)


class Normal(NamedTuple):
    """What normalising a layer's units leaves for its backward pass."""

    before: Tensor  # (M, B, H)
    mean: Tensor  # (M, B, 1)
    inverse_deviation: Tensor  # (M, B, 1)
    after: Tensor  # (M, B, H), before scale and shift


class Passed(NamedTuple):
    """What a forward pass leaves: every layer's input and the last one's output, and
    each layer's normalisation."""

    values: list[Tensor]
    normals: list[Normal | None]


def init_linear(
    inputs: int, outputs: int, generators: Sequence[torch.Generator]
) -> tuple[Tensor, Tensor]:
    """Weight (M, inputs, outputs) and bias (M, 1, outputs), U(+-1/sqrt(inputs)) as
    torch.nn.Linear, per member."""
    bound = 1.0 / sqrt(inputs)
    weight = _uniform((inputs, outputs), bound, generators)
    bias = _uniform((1, outputs), bound, generators)
    return weight, bias


def _uniform(
    shape: tuple[int, int], bound: float, generators: Sequence[torch.Generator]
) -> Tensor:
    """Numbers between -bound and bound, (M, *shape), a generator per member."""
    draws = []
    for generator in generators:
        draws.append(torch.rand(shape, generator=generator, device=generator.device))
    return (torch.stack(draws) * 2.0 - 1.0) * bound


def init_mlp(
    sizes: Sequence[int],
    generators: Sequence[torch.Generator],
    normalised: bool = False,
) -> Parameters:
    """An MLP of the given layer sizes, e.g. (20, 128, 128, 6); one generator per
    member.

    `normalised`: layer normalisation (Ba et al. 2016) of every hidden layer's units,
    between the product and ReLU.
    """
    parameters: Parameters = {}
    last = len(sizes) - 2
    for layer in range(len(sizes) - 1):
        inputs = sizes[layer]
        outputs = sizes[layer + 1]
        weight, bias = init_linear(inputs, outputs, generators)
        parameters[f"{layer}.weight"] = weight
        parameters[f"{layer}.bias"] = bias
        if normalised and layer < last:
            parameters[f"{layer}.scale"] = torch.ones_like(bias)
            parameters[f"{layer}.shift"] = torch.zeros_like(bias)
    return parameters


def depth(parameters: Mapping[str, Tensor]) -> int:
    """How many layers an MLP has."""
    return sum(name.endswith("weight") for name in parameters)


def layers_of(parameters: Mapping[str, Tensor]) -> list[Layer]:
    """An MLP's layers in turn."""
    layers = []
    for number in range(depth(parameters)):
        layer = Layer(
            weight=parameters[f"{number}.weight"],
            bias=parameters[f"{number}.bias"],
            scale=parameters.get(f"{number}.scale"),
            shift=parameters.get(f"{number}.shift"),
        )
        layers.append(layer)
    return layers


def linear(weight: Tensor, bias: Tensor, x_MBI: Tensor) -> Tensor:
    """x W + b per member, (M, B, O).

    Args:
        weight: W, (M, I, O).
        bias: b, (M, 1, O).
        x_MBI: of every member.
    """
    return _through(
        [Layer(weight, bias)],
        x_MBI,
        last_activation=False,
    )


def mlp(
    parameters: Mapping[str, Tensor], x_MBI: Tensor, last_activation: bool = False
) -> Tensor:
    """MLP with ReLU between its layers, (M, B, O).

    Args:
        parameters: of all layers.
        x_MBI: of every member.
        last_activation: whether ReLU follows the last layer too.
    """
    return _through(layers_of(parameters), x_MBI, last_activation)


def _through(layers: Sequence[Layer], x_MBI: Tensor, last_activation: bool) -> Tensor:
    rows = x_MBI.shape[1]
    x_MBI = padded(x_MBI)
    if not torch.is_grad_enabled():
        passed = forward(layers, x_MBI, last_activation)
        return passed.values[-1][:, :rows]
    tensors: list[Tensor | None] = []
    for layer in layers:
        tensors += layer
    output: Tensor = _Layers.apply(x_MBI, last_activation, *tensors)  # type: ignore[no-untyped-call]
    return output[:, :rows]


def padded(x_MBI: Tensor) -> Tensor:
    """With rows of zeros up to a multiple of `ROWS`."""
    spare = -x_MBI.shape[1] % ROWS
    if spare == 0:
        return x_MBI
    return torch.nn.functional.pad(x_MBI, (0, 0, 0, spare))


class _Layers(torch.autograd.Function):
    """Layers with the backward pass written out: autograd's own hands on transposed
    gradients, on which ReLU's backward takes many times as long."""

    @staticmethod
    def forward(
        ctx: Any, x_MBI: Tensor, last_activation: bool, *tensors: Tensor | None
    ) -> Tensor:
        layers = _grouped(tensors)
        passed = forward(layers, x_MBI, last_activation)
        output = passed.values[-1]
        ctx.last_activation = last_activation
        ctx.save_for_backward(
            *tensors,
            *passed.values[:-1],
            output if last_activation else None,
            *_flat(passed.normals),
        )
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        of_input, _, *of_tensors = ctx.needs_input_grad
        parameters = len(of_tensors)
        layers = _grouped(ctx.saved_tensors[:parameters])
        rest = ctx.saved_tensors[parameters:]
        values = len(layers) + 1
        passed = Passed(
            values=list(rest[:values]),
            normals=_unflat(rest[values:]),
        )
        into = None
        if any(of_tensors):
            into = [_gradients_like(layer) for layer in layers]
        input_gradient = backward(
            layers,
            passed,
            gradient,
            into,
            ctx.last_activation,
            of_input,
        )
        gradients: list[Tensor | None] = []
        if into is None:
            gradients = [None] * parameters
        else:
            for layer in into:
                gradients += layer
        return input_gradient, None, *gradients


def _grouped(tensors: Sequence[Tensor | None]) -> list[Layer]:
    """Layers from all their tensors in turn."""
    parts = len(Layer._fields)
    layers = []
    for first in range(0, len(tensors), parts):
        layers.append(Layer(*tensors[first : first + parts]))  # type: ignore[arg-type]
    return layers


def _flat(normals: Sequence[Normal | None]) -> list[Tensor | None]:
    nothing = (None,) * len(Normal._fields)
    tensors: list[Tensor | None] = []
    for normal in normals:
        tensors += nothing if normal is None else normal
    return tensors


def _unflat(tensors: Sequence[Tensor | None]) -> list[Normal | None]:
    """The inverse of `_flat`."""
    parts = len(Normal._fields)
    normals: list[Normal | None] = []
    for first in range(0, len(tensors), parts):
        if tensors[first] is None:
            normals.append(None)
        else:
            normals.append(Normal(*tensors[first : first + parts]))  # type: ignore[arg-type]
    return normals


def forward(
    layers: Sequence[Layer], x_MBI: Tensor, last_activation: bool = False
) -> Passed:
    """All layers' values from the first one's input.

    Args:
        layers: in order.
        x_MBI: of every member; B is a multiple of `ROWS`.
        last_activation: whether ReLU follows the last layer too.
    """
    passed = Passed([x_MBI], [])
    for number, layer in enumerate(layers, start=1):
        output = products(passed.values[-1], layer.weight, layer.bias)
        normal = None
        if layer.scale is not None and layer.shift is not None:
            normal = _normalised(output)
            output = torch.mul(normal.after, layer.scale)
            output.add_(layer.shift)  # addcmul takes three times as long
        if last_activation or number < len(layers):
            output = output.relu_()
        passed.values.append(output)
        passed.normals.append(normal)
    return passed


def backward(
    layers: Sequence[Layer],
    passed: Passed,
    gradient_MBO: Tensor,
    into: Sequence[Layer] | None,
    last_activation: bool = False,
    of_input: bool = False,
) -> Tensor | None:
    """From the output's gradient the parameters' and the input's, if wanted.

    Args:
        layers: as `forward` had them.
        passed: as `forward` gives it; the last value is not looked at without
            `last_activation`.
        gradient_MBO: of the output.
        into: layers alike, whose tensors take the parameters' gradients.
        last_activation: as `forward` had it.
        of_input: whether the input's gradient is wanted.
    """
    gradient = gradient_MBO
    last = len(layers) - 1
    for k in reversed(range(len(layers))):
        layer = layers[k]
        place = None if into is None else into[k]
        normal = passed.normals[k]
        if last_activation or k < last:
            gradient = _before_relu(
                gradient,
                passed.values[k + 1],
                in_place=k < last,
            )
        if normal is not None:
            gradient = _before_normal(layer, normal, gradient, place)
        if place is not None:
            products(
                passed.values[k].mT,
                gradient,
                out_MRC=place.weight,
            )
            torch.sum(
                gradient,
                dim=1,
                keepdim=True,
                out=place.bias,
            )
        if k > 0 or of_input:
            gradient = products(gradient, layer.weight.mT)
    return gradient if of_input else None


def _gradients_like(layer: Layer) -> Layer:
    """Memory for a layer's gradients."""
    return Layer(
        weight=aligned(layer.weight, *layer.weight.shape[1:]),
        bias=layer.bias.new_empty(layer.bias.shape),
        scale=_empty_like(layer.scale),
        shift=_empty_like(layer.shift),
    )


def _empty_like(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.new_empty(tensor.shape)


def _normalised(before_MBH: Tensor) -> Normal:
    units = before_MBH.shape[-1]
    if before_MBH.device.type != "cpu":
        after, mean, inverse_deviation = torch.native_layer_norm(
            before_MBH,
            (units,),
            None,
            None,
            EPSILON,
        )
        return Normal(before_MBH, mean, inverse_deviation, after)
    # On a CPU torch's own kernel takes twice as long as these.
    mean = before_MBH.mean(dim=-1, keepdim=True)
    centred = before_MBH - mean
    length = torch.linalg.vector_norm(centred, dim=-1, keepdim=True)
    variance = length.square_().mul_(1.0 / units)
    inverse_deviation = variance.add_(EPSILON).rsqrt_()
    return Normal(
        before=before_MBH,
        mean=mean,
        inverse_deviation=inverse_deviation,
        after=centred * inverse_deviation,
    )


def _before_normal(
    layer: Layer,
    normal: Normal,
    gradient_MBH: Tensor,
    into: Layer | None,
) -> Tensor:
    """From the gradient after scale and shift theirs and that of what was
    normalised."""
    if into is not None:
        of_scale = gradient_MBH * normal.after
        torch.sum(
            of_scale,
            dim=1,
            keepdim=True,
            out=into.scale,
        )
        torch.sum(
            gradient_MBH,
            dim=1,
            keepdim=True,
            out=into.shift,
        )
    assert layer.scale is not None
    scaled = gradient_MBH * layer.scale
    before: Tensor
    before, _, _ = torch.ops.aten.native_layer_norm_backward(
        scaled,
        normal.before,
        scaled.shape[-1:],
        normal.mean,
        normal.inverse_deviation,
        None,
        None,
        [True, False, False],
    )
    return before


def _before_relu(gradient: Tensor, value: Tensor, in_place: bool) -> Tensor:
    backwards = torch.ops.aten.threshold_backward
    before: Tensor
    if in_place:
        before = backwards.grad_input(gradient, value, 0, grad_input=gradient)
    else:
        before = backwards(gradient.contiguous(), value, 0)
    return before


def detached(parameters: Mapping[str, Tensor]) -> Parameters:
    """The same storage without gradients."""
    return {name: tensor.detach() for name, tensor in parameters.items()}


def take_members(
    parameters: Mapping[str, Tensor], members: Sequence[int]
) -> Parameters:
    """These members, in this order."""
    return {name: tensor[list(members)] for name, tensor in parameters.items()}


def stack_members(parameters: Sequence[Mapping[str, Tensor]]) -> Parameters:
    """Concatenate along the member axis; all must hold the same names."""
    stacked = {}
    for name in parameters[0]:
        of_members = [own[name] for own in parameters]
        stacked[name] = torch.cat(of_members)
    return stacked
