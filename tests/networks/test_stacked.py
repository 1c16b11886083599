"""Stacked layers: initial weights, agreement with torch.nn, and a member alone and among others."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import pytest
import torch
from torch import Tensor, nn

from oer_pipeline.networks.stacked import (
    Parameters,
    init_linear,
    init_mlp,
    mlp,
    stack_members,
    take_members,
)

SIZES = [(20, 128, 128, 6), (26, 256, 256, 1), (17, 64, 64, 6), (26, 64, 42), (5, 13, 3), (7, 16, 1)]


def generators(members: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(m) for m in range(members)]


def modules(parameters: Parameters, member: int) -> nn.Sequential:
    """One member as torch.nn writes an MLP."""
    layers: list[nn.Module] = []
    for layer in range(len(parameters) // 2):
        weight, bias = parameters[f"{layer}.weight"][member], parameters[f"{layer}.bias"][member, 0]
        linear = nn.Linear(*weight.shape)
        linear.load_state_dict({"weight": weight.T, "bias": bias})
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def outcome(parameters: Parameters, x_MBI: Tensor) -> dict[str, Tensor]:
    """The output and every gradient of a loss that keeps members apart."""
    leaves = {
        **{name: p.clone().requires_grad_() for name, p in parameters.items()},
        "x": x_MBI.clone().requires_grad_(),
    }
    output = mlp({n: p for n, p in leaves.items() if n != "x"}, leaves["x"])
    gradients = torch.autograd.grad(output.square().mean(dim=(1, 2)).sum(), list(leaves.values()))
    return {"output": output.detach(), **dict(zip(leaves, gradients, strict=True))}


@pytest.mark.parametrize("inputs", [4, 100])
def test_initial_weights_fill_the_bounds_of_torch_linear(inputs: int) -> None:
    weight, bias = init_linear(inputs, 2_000, generators(2))
    bound = 1 / sqrt(inputs)
    assert weight.shape == (2, inputs, 2_000)
    assert bias.shape == (2, 1, 2_000)
    for values in (weight[0], weight[1], bias):
        assert bound * 0.98 < values.abs().max() <= bound
        assert values.var().item() == pytest.approx(bound**2 / 3, rel=0.1)  # of a uniform distribution
        assert abs(values.mean().item()) < 0.05 * bound
    assert not weight[0].equal(weight[1])


def test_a_members_initial_weights_come_from_its_own_generator() -> None:
    together = init_mlp((5, 8, 2), generators(3))
    alone = init_mlp((5, 8, 2), [generators(3)[2]])
    assert all(alone[name][0].equal(together[name][2]) for name in together)


def test_output_and_gradients_are_those_of_torch_nn() -> None:
    parameters = init_mlp((5, 13, 13, 3), generators(2))
    x = torch.randn(2, 9, 5, generator=generators(1)[0])
    found = outcome(parameters, x)
    for member in range(2):
        network = modules(parameters, member)
        output = network(x[member])
        output.square().mean().backward()
        torch.testing.assert_close(found["output"][member], output, atol=1e-6, rtol=1e-6)
        for i, layer in enumerate(layer for layer in network if isinstance(layer, nn.Linear)):
            torch.testing.assert_close(found[f"{i}.weight"][member], layer.weight.grad.T, atol=1e-6, rtol=1e-6)
            torch.testing.assert_close(found[f"{i}.bias"][member, 0], layer.bias.grad, atol=1e-6, rtol=1e-6)


def test_the_last_layer_is_linear_unless_asked() -> None:
    parameters, x = init_mlp((5, 8, 4), generators(2)), torch.randn(2, 30, 5)
    plain, activated = mlp(parameters, x), mlp(parameters, x, last_activation=True)
    assert (plain < 0).any()
    assert activated.equal(plain.clamp(min=0))


@pytest.mark.parametrize("batch", [1, 2, 7, 10, 32, 256])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_member_is_bit_for_bit_the_same_alone_and_among_others(sizes: tuple[int, ...], batch: int) -> None:
    parameters = init_mlp(sizes, generators(4))
    x = torch.randn(4, batch, sizes[0], generator=generators(1)[0])
    together = outcome(parameters, x)
    for members in ([0], [3], [1, 3], [0, 1, 2]):
        for name, value in outcome(take_members(parameters, members), x[members]).items():
            assert value.equal(together[name][members]), (name, members)


def test_members_share_nothing() -> None:
    parameters, x = init_mlp((5, 16, 2), generators(3)), torch.randn(3, 8, 5)
    before = mlp(parameters, x)
    parameters["0.weight"][1] += 1.0
    x[1] -= 1.0
    after = mlp(parameters, x)
    assert before[[0, 2]].equal(after[[0, 2]])
    assert not before[1].equal(after[1])


def test_members_come_apart_and_together_again() -> None:
    parameters = init_mlp((3, 4, 2), generators(3))
    again = stack_members([take_members(parameters, [m]) for m in (2, 0, 1)])
    assert all(p[[2, 0, 1]].equal(again[name]) for name, p in parameters.items())


def test_layers_are_sized_as_asked() -> None:
    sizes = (3, 5, 7, 2)
    parameters = init_mlp(sizes, generators(2))
    shapes = [tuple(parameters[f"{layer}.weight"].shape) for layer in range(3)]
    assert shapes == [(2, *pair) for pair in pairwise(sizes)]
