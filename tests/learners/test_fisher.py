"""Squared per-sample gradients and the Fisher against one autograd call a row, in plain
operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners import fisher as module
from oer_pipeline.learners.fisher import fisher, squared_gradients
from oer_pipeline.learners.online_ewc import OnlineEWC
from oer_pipeline.networks.policy import SHARED, init_head, init_identity, init_trunk
from oer_pipeline.networks.randomness import generator, generators

SEEDS = (0, 1, 7)
CLOSE = {"atol": 1e-6, "rtol": 1e-4}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def plain_action(
    parameters: Mapping[str, Tensor], task: int, observation_D: Tensor
) -> Tensor:
    """One member's action (A,) for one observation."""
    x, layer = observation_D, 0
    while f"trunk.{layer}.weight" in parameters:
        told = (
            parameters[f"identity.{task}"][0]
            if layer == 0 and f"identity.{task}" in parameters
            else 0.0
        )
        x = torch.relu(
            x @ parameters[f"trunk.{layer}.weight"]
            + told
            + parameters[f"trunk.{layer}.bias"][0]
        )
        layer += 1
    head = f"head.{task}" if f"head.{task}.weight" in parameters else f"head.{SHARED}"
    return torch.tanh(x @ parameters[f"{head}.weight"] + parameters[f"{head}.bias"][0])


def brute_force(
    parameters: Mapping[str, Tensor],
    task: int,
    observation_BD: Tensor,
    direction_BA: Tensor,
) -> dict[str, Tensor]:
    """One member's mean of squared gradients, row by row, in float64."""
    leaves = {
        name: p.detach().double().requires_grad_() for name, p in parameters.items()
    }
    total = {name: torch.zeros_like(p) for name, p in leaves.items()}
    for observation, direction in zip(
        observation_BD.double(), direction_BA.double(), strict=True
    ):
        output = plain_action(leaves, task, observation) @ direction
        found = torch.autograd.grad(
            output, list(leaves.values()), materialize_grads=True, allow_unused=True
        )
        for name, gradient in zip(leaves, found, strict=True):
            total[name] += gradient.square() / len(observation_BD)
    return total


def made_policy(
    heads: str, actions: int, hidden: tuple[int, ...] = (11, 7)
) -> dict[str, Tensor]:
    """Three tasks' policy of three members."""
    own = generators("test", SEEDS, 1)
    parameters = init_trunk(5, hidden, own)
    if heads == "single":
        parameters |= init_head(hidden[-1], actions, SHARED, own)
        return parameters | {
            n: t
            for j in (1, 2, 3)
            for n, t in init_identity(5, hidden[0], j, own).items()
        }
    return parameters | {
        n: t
        for j in (1, 2, 3)
        for n, t in init_head(hidden[-1], actions, j, own).items()
    }


def assert_equal_to_brute_force(
    found: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    task: int,
    observation: Tensor,
    direction: Tensor,
) -> None:
    for m in range(len(SEEDS)):
        wanted = brute_force(
            {n: p[m] for n, p in parameters.items()}, task, observation[m], direction[m]
        )
        for name, square in wanted.items():
            own = found[name][m] if name in found else torch.zeros_like(square)
            torch.testing.assert_close(
                own.double(),
                square,
                **CLOSE,
                msg=lambda text, name=name: f"{name}: {text}",
            )


@pytest.mark.parametrize("actions", [1, 2])
@pytest.mark.parametrize("heads", ["multi", "single"])
@pytest.mark.parametrize("rows", [13, 32])
def test_squared_gradients_are_those_of_every_row(
    heads: str, actions: int, rows: int
) -> None:
    parameters, task = made_policy(heads, actions), 3
    observation, direction = (
        torch.randn(len(SEEDS), rows, 5),
        torch.randn(len(SEEDS), rows, actions),
    )
    found = squared_gradients(parameters, task, observation, direction)
    assert all(found[name].shape == parameters[name].shape for name in found)
    assert_equal_to_brute_force(found, parameters, task, observation, direction)


def test_fisher_of_a_linear_policy_has_a_closed_form() -> None:
    """Without a trunk and near 0, where tanh is the identity: F of W[i, a] is the mean
    of x_i^2, of the bias 1."""
    rows = 20_000
    parameters = {
        "head.1.weight": torch.full((1, 4, 2), 1e-4),
        "head.1.bias": torch.zeros(1, 1, 2),
    }
    observation = torch.randn(1, rows, 4) * torch.tensor([0.1, 1.0, 2.0, 3.0])
    found = squared_gradients(parameters, 1, observation, torch.randn(1, rows, 2))
    second_moment = observation.square().mean(dim=1).unsqueeze(-1).expand(1, 4, 2)
    torch.testing.assert_close(
        found["head.1.weight"], second_moment, rtol=0.08, atol=0.0
    )
    torch.testing.assert_close(
        found["head.1.bias"], torch.ones(1, 1, 2), rtol=0.08, atol=0.0
    )


@pytest.mark.parametrize("chunk", [4_096, 128])
@pytest.mark.parametrize("heads", ["multi", "single"])
def test_fisher_is_that_of_all_rows(
    tasks: Any, monkeypatch: pytest.MonkeyPatch, heads: str, chunk: int
) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    settings = replace(tasks.settings, heads=heads)
    training = tasks.learner(OnlineEWC, 2, SEEDS, settings)
    [table] = training.context.tables
    observation = table.observation.expand(len(SEEDS), -1, -1)
    noise = torch.stack(
        [
            torch.randn(len(table), 2, generator=generator("fisher", seed, 2))
            for seed in SEEDS
        ]
    )
    policy = training.state.networks["policy"]
    assert_equal_to_brute_force(
        policy.unflatten(fisher(training.view)),
        training.state.parameters("policy"),
        2,
        observation,
        noise,
    )


def test_old_heads_have_no_fisher(tasks: Any) -> None:
    training = tasks.learner(OnlineEWC, 2)
    found = training.state.networks["policy"].unflatten(fisher(training.view))
    assert not found["head.1.weight"].any()
    assert found["head.2.bias"].all()


def test_options_are_checked() -> None:
    with pytest.raises(ConfigurationError, match=r"online_ewc: decay is -0\.1"):
        OnlineEWC(decay=-0.1)
    with pytest.raises(ConfigurationError, match=r"decay is 1\.5"):
        OnlineEWC(decay=1.5)
