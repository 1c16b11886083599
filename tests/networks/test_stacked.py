"""Stacked layers: initial weights, agreement with torch.nn, and a member alone and
among others."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import pytest
import torch
from torch import Tensor, nn

from oer_pipeline.networks.stacked import (
    Parameters,
    depth,
    init_linear,
    init_mlp,
    linear,
    mlp,
    stack_members,
    take_members,
)

SIZES = [
    (20, 128, 128, 6),
    (26, 256, 256, 1),
    (17, 64, 64, 6),
    (26, 64, 42),
    (5, 13, 3),
    (7, 16, 1),
    (5, 11, 7, 2),
]
SIZES += [(1, 6, 2), (3, 1, 2), (1, 1), (7, 100, 23)]


def generators(members: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(m) for m in range(members)]


def modules(
    parameters: Parameters, member: int, last_activation: bool = False
) -> nn.Sequential:
    """One member as torch.nn writes an MLP."""
    layers: list[nn.Module] = []
    for layer in range(depth(parameters)):
        weight, bias = (
            parameters[f"{layer}.weight"][member],
            parameters[f"{layer}.bias"][member, 0],
        )
        affine = nn.Linear(*weight.shape)
        affine.load_state_dict({"weight": weight.T, "bias": bias})
        layers.append(affine)
        if f"{layer}.scale" in parameters:
            scale, shift = (
                parameters[f"{layer}.scale"][member, 0],
                parameters[f"{layer}.shift"][member, 0],
            )
            norm = nn.LayerNorm(len(scale))
            norm.load_state_dict({"weight": scale, "bias": shift})
            layers.append(norm)
        layers.append(nn.ReLU())
    return nn.Sequential(*(layers if last_activation else layers[:-1]))


def normalised(sizes: tuple[int, ...], members: int) -> Parameters:
    """A network with normalised hidden layers whose scales and shifts are no longer
    those of the start."""
    draws = torch.Generator().manual_seed(5)
    parameters = init_mlp(sizes, generators(members), normalised=True)
    for name, tensor in parameters.items():
        if name.endswith(("scale", "shift")):
            tensor += 0.3 * torch.randn(tensor.shape, generator=draws)
    return parameters


def outcome(
    parameters: Parameters, x_MBI: Tensor, last_activation: bool = False
) -> dict[str, Tensor]:
    """The output and every gradient of a loss that keeps members apart."""
    leaves = {
        **{name: p.clone().requires_grad_() for name, p in parameters.items()},
        "x": x_MBI.clone().requires_grad_(),
    }
    output = mlp(
        {n: p for n, p in leaves.items() if n != "x"}, leaves["x"], last_activation
    )
    gradients = torch.autograd.grad(
        output.square().mean(dim=(1, 2)).sum(), list(leaves.values())
    )
    return {"output": output.detach(), **dict(zip(leaves, gradients, strict=True))}


@pytest.mark.parametrize("inputs", [4, 100])
def test_initial_weights_fill_the_bounds_of_torch_linear(inputs: int) -> None:
    weight, bias = init_linear(inputs, 2_000, generators(2))
    bound = 1 / sqrt(inputs)
    assert weight.shape == (2, inputs, 2_000)
    assert bias.shape == (2, 1, 2_000)
    for values in (weight[0], weight[1], bias):
        assert bound * 0.98 < values.abs().max() <= bound
        assert values.var().item() == pytest.approx(
            bound**2 / 3, rel=0.1
        )  # of a uniform distribution
        assert abs(values.mean().item()) < 0.05 * bound
    assert not weight[0].equal(weight[1])


def test_a_members_initial_weights_come_from_its_own_generator() -> None:
    together = init_mlp((5, 8, 2), generators(3))
    alone = init_mlp((5, 8, 2), [generators(3)[2]])
    assert all(alone[name][0].equal(together[name][2]) for name in together)


@pytest.mark.parametrize("last_activation", [False, True])
@pytest.mark.parametrize("batch", [1, 9, 16, 33])
@pytest.mark.parametrize(
    "sizes", [(5, 13, 13, 3), (5, 8, 1), (4, 1), (3, 1, 2), (1, 6, 2), (6, 4)]
)
def test_output_and_gradients_are_those_of_torch_nn(
    sizes: tuple[int, ...], batch: int, last_activation: bool
) -> None:
    parameters = init_mlp(sizes, generators(2))
    x = torch.randn(2, batch, sizes[0], generator=generators(1)[0])
    found = outcome(parameters, x, last_activation)
    close = {"atol": 1e-6, "rtol": 1e-5}
    for member in range(2):
        network, own = (
            modules(parameters, member, last_activation),
            x[member].clone().requires_grad_(),
        )
        output = network(own)
        output.square().mean().backward()
        torch.testing.assert_close(found["output"][member], output, **close)
        torch.testing.assert_close(found["x"][member], own.grad, **close)
        for i, layer in enumerate(
            layer for layer in network if isinstance(layer, nn.Linear)
        ):
            torch.testing.assert_close(
                found[f"{i}.weight"][member], layer.weight.grad.T, **close
            )
            torch.testing.assert_close(
                found[f"{i}.bias"][member, 0], layer.bias.grad, **close
            )


@pytest.mark.parametrize("batch", [1, 9, 33])
@pytest.mark.parametrize("sizes", [(5, 13, 13, 3), (5, 8, 1), (4, 64, 64, 1)])
def test_normalised_layers_are_those_of_torch_nn(
    sizes: tuple[int, ...], batch: int
) -> None:
    parameters = normalised(sizes, 2)
    x = torch.randn(2, batch, sizes[0], generator=generators(1)[0])
    found = outcome(parameters, x)
    close = {"atol": 2e-6, "rtol": 1e-5}
    for member in range(2):
        network, own = modules(parameters, member), x[member].clone().requires_grad_()
        output = network(own)
        output.square().mean().backward()
        torch.testing.assert_close(found["output"][member], output, **close)
        torch.testing.assert_close(found["x"][member], own.grad, **close)
        linears = [layer for layer in network if isinstance(layer, nn.Linear)]
        norms = [layer for layer in network if isinstance(layer, nn.LayerNorm)]
        assert len(norms) == len(sizes) - 2
        for i, layer in enumerate(linears):
            torch.testing.assert_close(
                found[f"{i}.weight"][member], layer.weight.grad.T, **close
            )
            torch.testing.assert_close(
                found[f"{i}.bias"][member, 0], layer.bias.grad, **close
            )
        for i, norm in enumerate(norms):
            torch.testing.assert_close(
                found[f"{i}.scale"][member, 0], norm.weight.grad, **close
            )
            torch.testing.assert_close(
                found[f"{i}.shift"][member, 0], norm.bias.grad, **close
            )


@pytest.mark.parametrize("batch", [1, 7, 256])
@pytest.mark.parametrize("sizes", [(5, 13, 7, 3), (26, 128, 128, 1), (26, 256, 256, 1)])
def test_a_normalised_member_is_the_same_alone_and_among_others(
    sizes: tuple[int, ...], batch: int
) -> None:
    parameters = normalised(sizes, 4)
    x = torch.randn(4, batch, sizes[0], generator=generators(1)[0])
    together = outcome(parameters, x)
    for members in ([0], [3], [1, 3], [0, 1, 2]):
        for name, value in outcome(
            take_members(parameters, members), x[members]
        ).items():
            assert value.equal(together[name][members]), (name, members)


@pytest.mark.parametrize(
    "wanted",
    [{"x"}, {"1.weight"}, {"0.bias"}, {"2.bias", "x"}, {"0.weight", "2.weight"}],
)
def test_any_part_may_be_the_only_one_that_needs_a_gradient(wanted: set[str]) -> None:
    parameters = init_mlp((5, 8, 6, 2), generators(2))
    x = torch.randn(2, 9, 5, generator=generators(1)[0])
    every = outcome(parameters, x)
    leaves = {
        name: t.clone().requires_grad_(name in wanted)
        for name, t in {**parameters, "x": x}.items()
    }
    output = mlp({n: t for n, t in leaves.items() if n != "x"}, leaves["x"])
    output.square().mean(dim=(1, 2)).sum().backward()
    for name, leaf in leaves.items():
        assert (leaf.grad is not None) == (name in wanted)
        assert leaf.grad is None or leaf.grad.equal(every[name])


def test_gradients_arrive_through_slices_and_transposes_of_the_output() -> None:
    """What flows back is not always contiguous."""
    parameters = {
        name: p.requires_grad_()
        for name, p in init_mlp((5, 8, 4), generators(2)).items()
    }
    x = torch.randn(2, 9, 5, generator=generators(1)[0])
    weights = torch.randn(4, 6, 2, generator=generators(1)[0])

    def gradients(output: Tensor) -> tuple[Tensor, ...]:
        loss = (output[:, 2:8].transpose(0, 2) * weights).sum() + output[
            :, :, 1
        ].square().sum()
        return torch.autograd.grad(loss, list(parameters.values()))

    hidden = (x @ parameters["0.weight"] + parameters["0.bias"]).relu()
    by_autograd = gradients(
        (hidden @ parameters["1.weight"] + parameters["1.bias"]).relu()
    )
    for found, wanted in zip(
        gradients(mlp(parameters, x, last_activation=True)), by_autograd, strict=True
    ):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_padding_rows_take_no_part() -> None:
    """A batch that is padded gives what the same rows give in a batch that is not,
    their gradients weighted alike."""
    parameters = init_mlp((5, 8, 2), generators(2))
    x = torch.randn(2, 16, 5, generator=generators(1)[0])
    results = []
    for rows in (11, 16):
        leaves = {name: p.clone().requires_grad_() for name, p in parameters.items()}
        output = mlp(leaves, x[:, :rows])
        assert output.shape == (2, rows, 2)
        loss = output[:, :11].square().sum()
        results.append(
            (output[:, :11], *torch.autograd.grad(loss, list(leaves.values())))
        )
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-6)


def test_second_derivatives_are_refused() -> None:
    """They would be wrong: the backward pass is not recorded."""
    parameters = {
        name: p.requires_grad_()
        for name, p in init_mlp((3, 4, 1), generators(1)).items()
    }
    loss = mlp(parameters, torch.ones(1, 16, 3)).square().sum()
    [first] = torch.autograd.grad(loss, [parameters["0.weight"]], create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(first.sum(), [parameters["0.weight"]])


def test_the_input_is_left_as_it_was() -> None:
    """ReLU works in place, on what the layers made."""
    parameters, x = init_mlp((5, 8, 4), generators(2)), torch.randn(2, 16, 5)
    kept = x.clone()
    mlp(parameters, x, last_activation=True)
    linear(parameters["0.weight"], parameters["0.bias"], x)
    assert x.equal(kept)


def test_the_last_layer_is_linear_unless_asked() -> None:
    parameters, x = init_mlp((5, 8, 4), generators(2)), torch.randn(2, 30, 5)
    plain, activated = mlp(parameters, x), mlp(parameters, x, last_activation=True)
    assert (plain < 0).any()
    assert activated.equal(plain.clamp(min=0))


@pytest.mark.parametrize("batch", [1, 2, 7, 10, 32, 256])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_member_is_bit_for_bit_the_same_alone_and_among_others(
    sizes: tuple[int, ...], batch: int
) -> None:
    parameters = init_mlp(sizes, generators(4))
    x = torch.randn(4, batch, sizes[0], generator=generators(1)[0])
    together = outcome(parameters, x)
    for members in ([0], [3], [1, 3], [0, 1, 2]):
        for name, value in outcome(
            take_members(parameters, members), x[members]
        ).items():
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
