"""Policies: heads over a shared trunk, and the standardisation that belongs to a
head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import (
    SHARED,
    Standardiser,
    init_head,
    init_identity,
    init_trunk,
    own_trunk,
)
from oer_pipeline.networks.randomness import generators

OBSERVATION, ACTION, HIDDEN = 5, 2, (16, 8)


def two_heads(members: int = 3) -> dict[str, torch.Tensor]:
    own = generators("policy", range(members), 1)
    parameters = init_trunk(OBSERVATION, HIDDEN, own)
    for task in (1, 2):
        parameters |= init_head(HIDDEN[-1], ACTION, task, own)
    return parameters


def one_head(
    tasks: Sequence[int] = (1, 2), members: int = 3
) -> dict[str, torch.Tensor]:
    """A single head that is told the task."""
    own = generators("policy", range(members), 1)
    parameters = init_trunk(OBSERVATION, HIDDEN, own) | init_head(
        HIDDEN[-1], ACTION, SHARED, own
    )
    for task in tasks:
        parameters |= init_identity(
            OBSERVATION, HIDDEN[0], task, generators("policy", range(members), task)
        )
    return parameters


def own_trunks(members: int = 3) -> dict[str, torch.Tensor]:
    """A trunk and a head per task."""
    parameters: dict[str, torch.Tensor] = {}
    for task in (1, 2):
        own = generators("policy", range(members), task)
        parameters |= own_trunk(init_trunk(OBSERVATION, HIDDEN, own), task) | init_head(
            HIDDEN[-1], ACTION, task, own
        )
    return parameters


def plain(
    x_BI: torch.Tensor, *layers: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """One member's ReLU layers and tanh head."""
    for weight, bias in layers[:-1]:
        x_BI = torch.relu(x_BI @ weight + bias)
    weight, bias = layers[-1]
    return torch.tanh(x_BI @ weight + bias)


def test_actions_are_tanh_of_the_tasks_own_head_over_relu_features() -> None:
    p, x = two_heads(), torch.randn(3, 7, OBSERVATION)
    for task in (1, 2):
        for m in range(3):
            hidden = torch.relu(x[m] @ p["trunk.0.weight"][m] + p["trunk.0.bias"][m])
            hidden = torch.relu(hidden @ p["trunk.1.weight"][m] + p["trunk.1.bias"][m])
            wanted = torch.tanh(
                hidden @ p[f"head.{task}.weight"][m] + p[f"head.{task}.bias"][m]
            )
            torch.testing.assert_close(
                policy.act(p, task, x)[m], wanted, atol=1e-6, rtol=0
            )


def test_a_loss_on_one_head_leaves_the_others_alone() -> None:
    p = {name: tensor.requires_grad_() for name, tensor in two_heads().items()}
    policy.act(p, 1, torch.randn(3, 7, OBSERVATION)).square().sum().backward()
    reached = {
        name
        for name, tensor in p.items()
        if tensor.grad is not None and tensor.grad.abs().sum() > 0
    }
    assert reached == {name for name in p if not name.startswith("head.2")}


def test_actions_stay_inside_the_bounds_for_absurd_observations() -> None:
    assert (
        policy.act(two_heads(), 1, torch.full((3, 1, OBSERVATION), 1e6)).abs().max()
        <= 1.0
    )


def test_standardised_data_have_mean_0_and_deviation_1_constants_included() -> None:
    draw = np.random.default_rng(0)
    data = (draw.standard_normal((500, 3)) * [1, 100, 0] + [5, -1000, 7]).astype(
        np.float32
    )
    standardise = Standardiser.of(data)
    scaled = standardise(data)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0], atol=2e-3)
    np.testing.assert_allclose(
        standardise(data[:4]),
        (data[:4] - data.mean(0)) / (data.std(0) + 1e-3),
        atol=1e-4,
    )


def test_statistics_do_not_lose_a_small_spread_on_a_large_mean() -> None:
    column = np.float32(1e4) + np.tile(np.array([-0.5, 0.5], np.float32), 50_000)
    statistics = Standardiser.of(column[:, None])
    assert statistics.std[0] == 0.5
    assert statistics.mean[0] == 1e4


def test_a_single_head_is_a_plain_network_with_a_one_hot_task_id() -> None:
    p, x = (
        one_head((2, 11, 1)),
        torch.randn(3, 7, OBSERVATION),
    )  # inputs are in the order of the numbers
    for place, task in enumerate((1, 2, 11)):
        one_hot = torch.zeros(7, 3)
        one_hot[:, place] = 1.0
        for m in range(3):
            first = torch.cat(
                [p["trunk.0.weight"][m], *(p[f"identity.{j}"][m] for j in (1, 2, 11))]
            )
            wanted = plain(
                torch.cat((x[m], one_hot), dim=1),
                (first, p["trunk.0.bias"][m]),
                (p["trunk.1.weight"][m], p["trunk.1.bias"][m]),
                (p["head.shared.weight"][m], p["head.shared.bias"][m]),
            )
            torch.testing.assert_close(
                policy.act(p, task, x)[m], wanted, atol=1e-6, rtol=0
            )
    assert not policy.act(p, 1, x).equal(policy.act(p, 2, x))


def test_inputs_of_tasks_to_come_are_idle() -> None:
    """Adding a task's input changes nothing for those before."""
    p, x = one_head((1, 2, 3)), torch.randn(3, 7, OBSERVATION)
    fewer = {name: tensor for name, tensor in p.items() if name != "identity.3"}
    for task in (1, 2):
        torch.testing.assert_close(
            policy.act(p, task, x), policy.act(fewer, task, x), atol=1e-6, rtol=0
        )


def test_a_single_heads_loss_on_one_task_moves_no_other_tasks_input() -> None:
    p = {name: tensor.requires_grad_() for name, tensor in one_head().items()}
    policy.act(p, 1, torch.randn(3, 7, OBSERVATION)).square().sum().backward()
    reached = {
        name
        for name, tensor in p.items()
        if tensor.grad is not None and tensor.grad.abs().sum() > 0
    }
    assert reached == set(p) - {"identity.2"}


def test_a_task_goes_through_its_own_trunk_where_it_has_one() -> None:
    p, x = own_trunks(), torch.randn(3, 7, OBSERVATION)
    for task in (1, 2):
        for m in range(3):
            names = (f"trunk_{task}.0", f"trunk_{task}.1", f"head.{task}")
            wanted = plain(
                x[m],
                *((p[f"{name}.weight"][m], p[f"{name}.bias"][m]) for name in names),
            )
            torch.testing.assert_close(
                policy.act(p, task, x)[m], wanted, atol=1e-6, rtol=0
            )


def test_trunk_1_does_not_pass_for_trunk_10() -> None:
    own = generators("policy", range(1), 1)
    p = two_heads(1) | own_trunk(
        init_trunk(OBSERVATION, HIDDEN, generators("policy", range(1), 12)), 12
    )
    p |= init_head(HIDDEN[-1], ACTION, 12, own)
    assert policy.trunk_layers(p, 1)["0.weight"].equal(p["trunk.0.weight"])
    assert policy.trunk_layers(p, 12)["0.weight"].equal(p["trunk_12.0.weight"])
    assert set(policy.trunk_layers(p, 1)) == {
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
    }


def owned(parameters: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of all layers but a task's own belong to tasks 1 to 3, by turns."""
    found = dict(parameters)
    for name, tensor in parameters.items():
        if name.startswith(("trunk", f"head.{SHARED}")) and name.endswith("weight"):
            turns = torch.arange(tensor.numel()).view(tensor.shape) % 3 + 1
            found[policy.OWNER + name] = turns.to(torch.int16)
    return found


@pytest.mark.parametrize("parameters", [two_heads, one_head])
def test_where_weights_have_owners_a_task_goes_through_those_up_to_its_own(
    parameters: object,
) -> None:
    assert callable(parameters)
    p, x = owned(parameters()), torch.randn(3, 7, OBSERVATION)
    for task in (1, 2):
        by_hand = {n: t for n, t in p.items() if not n.startswith(policy.OWNER)}
        for name in p.keys() - by_hand.keys():
            own = p[name] <= task
            by_hand[name.removeprefix(policy.OWNER)] *= own
        torch.testing.assert_close(policy.act(p, task, x), policy.act(by_hand, task, x))
        features = policy.trunk(by_hand, task, x)
        torch.testing.assert_close(policy.trunk(p, task, x), features)
        whole = {n: parameters()[n] for n in by_hand}
        assert not torch.allclose(policy.act(whole, task, x), policy.act(p, task, x))


@pytest.mark.parametrize("parameters", [two_heads, one_head])
def test_where_weights_have_owners_nothing_of_later_tasks_is_looked_at(
    parameters: object,
) -> None:
    """Whatever stands there, not a number even, changes no bit."""
    assert callable(parameters)
    p, x = owned(parameters()), torch.randn(3, 7, OBSERVATION)
    later = dict(p)
    for name in [n for n in p if n.startswith(policy.OWNER)]:
        weight = name.removeprefix(policy.OWNER)
        later[weight] = torch.where(p[name] > 1, torch.nan, p[weight])
    if "identity.1" in p:
        nothing = torch.full_like(p["identity.1"], torch.nan)
        later |= {"identity.2": nothing, "identity.3": nothing}
    assert policy.act(later, 1, x).equal(policy.act(p, 1, x))
    assert policy.trunk(later, 1, x).equal(policy.trunk(p, 1, x))


def test_a_policy_without_owners_is_itself() -> None:
    p = one_head()
    assert policy.of_task(p, 1) is p


@pytest.mark.parametrize("parameters", [two_heads, one_head])
@pytest.mark.parametrize("tasks", [(2, 1), (1,), (2, 2)])
def test_all_at_once_is_task_by_task(
    parameters: object, tasks: tuple[int, ...]
) -> None:
    assert callable(parameters)
    p = {name: tensor.requires_grad_() for name, tensor in parameters().items()}
    observations = [torch.randn(3, 5 + 3 * i, OBSERVATION) for i in range(len(tasks))]
    together = policy.act_each(p, tasks, observations)
    apart = [
        policy.act(p, task, x) for task, x in zip(tasks, observations, strict=True)
    ]
    assert [a.shape for a in together] == [a.shape for a in apart]
    for found, wanted in zip(together, apart, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)
    both = [
        torch.autograd.grad(
            torch.stack([a.square().sum() for a in actions]).sum(),
            list(p.values()),
            materialize_grads=True,
        )
        for actions in (together, apart)
    ]
    for found, wanted in zip(*both, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_no_statistics_is_the_identity_bit_for_bit() -> None:
    observation = (
        np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32) * 1e3
    )
    np.testing.assert_array_equal(Standardiser.identity(4)(observation), observation)
