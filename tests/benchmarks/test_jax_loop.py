"""The JAX loop that we are measured against does the updates of TD3+BC: those of the
plain loop. Needs the extra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.plain import TD3BC, Actor, Critic, PlainBatch

SIZES, HIDDEN, BATCH = (5, 2), (16, 16), 32


def copy_layers(layers: list[dict[str, Any]], modules: list[nn.Linear]) -> None:
    for layer, module in zip(layers, modules, strict=True):
        module.weight.data = torch.tensor(np.asarray(layer["weight"])).T.contiguous()
        module.bias.data = torch.tensor(np.asarray(layer["bias"]))


def linears(module: nn.Module) -> list[nn.Linear]:
    return [part for part in module.modules() if isinstance(part, nn.Linear)]


def assert_same_layers(layers: list[dict[str, Any]], modules: list[nn.Linear]) -> None:
    for layer, module in zip(layers, modules, strict=True):
        np.testing.assert_allclose(
            np.asarray(layer["weight"]).T, module.weight.detach(), atol=1e-6
        )
        np.testing.assert_allclose(
            np.asarray(layer["bias"]), module.bias.detach(), atol=1e-6
        )


@pytest.mark.parametrize("normalised", [False, True])
def test_its_updates_are_those_of_the_plain_loop(normalised: bool) -> None:
    pytest.importorskip("jax")
    from benchmarks import jax_loop

    state = jax_loop.init(0, SIZES, HIDDEN, normalised)
    actor, critic = Actor(*SIZES, HIDDEN), Critic(*SIZES, HIDDEN, normalised)
    copy_layers(state.actor, linears(actor))
    for layers, network in zip(state.critics, (critic.q1, critic.q2), strict=True):
        copy_layers(layers, linears(network))
    agent, draw = TD3BC(actor, critic), np.random.default_rng(0)
    for update in range(1, 7):
        batch = {
            "state": draw.standard_normal((BATCH, SIZES[0]), dtype=np.float32),
            "action": draw.uniform(-1, 1, (BATCH, SIZES[1])).astype(np.float32),
            "next_state": draw.standard_normal((BATCH, SIZES[0]), dtype=np.float32),
            "reward": draw.standard_normal(BATCH, dtype=np.float32),
            "terminal": (draw.random(BATCH) < 0.2).astype(np.float32),
        }
        noise = draw.standard_normal((BATCH, SIZES[1]), dtype=np.float32)
        state, loss = jax_loop.update_critics(state, batch, noise)
        if update % jax_loop.POLICY_DELAY == 0:
            state, _ = jax_loop.update_actor(state, batch)
        columns = (
            batch["state"],
            batch["action"],
            batch["next_state"],
            batch["reward"][:, None],
        )
        tensors = [
            torch.from_numpy(column)
            for column in (*columns, batch["terminal"][:, None])
        ]
        found = agent.update(PlainBatch(*tensors), torch.from_numpy(noise))
        assert float(loss) == pytest.approx(float(found["critic"]), rel=1e-4)
    assert_same_layers(state.actor, linears(actor))
    assert_same_layers(state.actor_target, linears(agent.actor_target))
    for layers, network in zip(
        state.critics_target,
        (agent.critic_target.q1, agent.critic_target.q2),
        strict=True,
    ):
        assert_same_layers(layers, linears(network))
