"""Policies: heads over a shared trunk, and the standardisation that belongs to a head."""

from __future__ import annotations

import numpy as np
import torch

from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import Standardiser, init_head, init_trunk
from oer_pipeline.networks.randomness import generators

OBSERVATION, ACTION, HIDDEN = 5, 2, (16, 8)


def two_heads(members: int = 3) -> dict[str, torch.Tensor]:
    own = generators("policy", range(members), 1)
    parameters = init_trunk(OBSERVATION, HIDDEN, own)
    for task in (1, 2):
        parameters |= init_head(HIDDEN[-1], ACTION, task, own)
    return parameters


def test_actions_are_tanh_of_the_tasks_own_head_over_relu_features() -> None:
    p, x = two_heads(), torch.randn(3, 7, OBSERVATION)
    for task in (1, 2):
        for m in range(3):
            hidden = torch.relu(x[m] @ p["trunk.0.weight"][m] + p["trunk.0.bias"][m])
            hidden = torch.relu(hidden @ p["trunk.1.weight"][m] + p["trunk.1.bias"][m])
            wanted = torch.tanh(hidden @ p[f"head.{task}.weight"][m] + p[f"head.{task}.bias"][m])
            torch.testing.assert_close(policy.act(p, task, x)[m], wanted, atol=1e-6, rtol=0)


def test_a_loss_on_one_head_leaves_the_others_alone() -> None:
    p = {name: tensor.requires_grad_() for name, tensor in two_heads().items()}
    policy.act(p, 1, torch.randn(3, 7, OBSERVATION)).square().sum().backward()
    reached = {name for name, tensor in p.items() if tensor.grad is not None and tensor.grad.abs().sum() > 0}
    assert reached == {name for name in p if not name.startswith("head.2")}


def test_actions_stay_inside_the_bounds_for_absurd_observations() -> None:
    assert policy.act(two_heads(), 1, torch.full((3, 1, OBSERVATION), 1e6)).abs().max() <= 1.0


def test_standardised_data_have_mean_0_and_deviation_1_constants_included() -> None:
    draw = np.random.default_rng(0)
    data = (draw.standard_normal((500, 3)) * [1, 100, 0] + [5, -1000, 7]).astype(np.float32)
    standardise = Standardiser.of(data)
    scaled = standardise(data)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0], atol=2e-3)
    np.testing.assert_allclose(standardise(data[:4]), (data[:4] - data.mean(0)) / (data.std(0) + 1e-3), atol=1e-4)


def test_statistics_do_not_lose_a_small_spread_on_a_large_mean() -> None:
    column = np.float32(1e4) + np.tile(np.array([-0.5, 0.5], np.float32), 50_000)
    statistics = Standardiser.of(column[:, None])
    assert statistics.std[0] == 0.5
    assert statistics.mean[0] == 1e4
