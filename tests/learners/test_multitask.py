"""Multitask learning: one task is TD3+BC, several give the mean of their gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.learners.actor_critic import cloning_loss, first_value, value_loss
from oer_pipeline.learners.batches import Batch, Step, take
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.multitask import Multitask
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import policy
from oer_pipeline.networks.flat import differentiate
from oer_pipeline.networks.policy import Standardiser

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)
MEMBERS = len(SEEDS)


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_with_one_task_it_is_td3bc(tasks: Any, same: Same, heads: str) -> None:
    results, losses = [], []
    for kind in (Finetune, Multitask):
        training = tasks.learner(kind, 1, SEEDS, replace(tasks.settings, heads=heads))
        losses.append(
            {name: value.tolist() for name, value in training.block(30).items()}
        )
        results.append(training.result())
    assert same(*results)
    assert losses[0] == losses[1]


def of_task(training: TaskTraining, batch: Batch, task: int) -> torch.Tensor:
    """The gradient (M, P) of L_pi on one task's part of a batch, with that task's
    critics."""
    own, network = (
        slice((task - 1) * MEMBERS, task * MEMBERS),
        training.state.networks["policy"],
    )
    critic = {
        name: view[2 * own.start : 2 * own.stop].detach()
        for name, view in training.state.critic.views.items()
    }
    observation = batch.observation[own]
    action = policy.act(network.views, task, observation)
    value, _ = value_loss(
        first_value(critic, torch.cat((observation, action), dim=-1)),
        training.context.settings.alpha,
    )
    loss = (value + cloning_loss(action, batch.action[own])).sum()
    return network.flatten(
        torch.autograd.grad(loss, list(network.views.values()), materialize_grads=True)
    )


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_several_tasks_give_the_mean_of_their_gradients(tasks: Any, heads: str) -> None:
    training = tasks.learner(Multitask, 3, SEEDS, replace(tasks.settings, heads=heads))
    training.block(6)
    rows = torch.arange(16).expand(3 * MEMBERS, -1)
    batch = take(training.context.tables, rows[None])
    separately = torch.stack(
        [of_task(training, batch, task) for task in (1, 2, 3)]
    ).mean(dim=0)
    losses = training.learner.losses(training.view, Step(batch))
    assert all(loss.shape == (MEMBERS,) for loss in losses.values())
    network = training.state.networks["policy"]
    differentiate(list(losses.values()), [network])
    torch.testing.assert_close(network.gradient, separately, rtol=1e-4, atol=1e-7)
    assert (separately.norm(dim=1) > 1e-3).all()


def test_critics_belong_to_tasks(tasks: Any) -> None:
    together, alone = tasks.learner(Multitask, 3), tasks.learner(Finetune, 2)
    second = slice(2 * MEMBERS, 4 * MEMBERS)
    assert together.state.critic.buffer[second].equal(alone.state.critic.buffer)


def test_every_task_has_its_head_and_statistics(tasks: Any) -> None:
    training = tasks.learner(Multitask, 3)
    before = {
        name: view.detach().clone()
        for name, view in training.state.networks["policy"].views.items()
    }
    training.block(20)
    result = training.result()
    assert [
        name
        for name in result.deployed
        if name.endswith("weight") and name.startswith("head")
    ] == [f"head.{task}.weight" for task in (1, 2, 3)]
    assert all(not p.equal(before[name]) for name, p in result.deployed.items())
    for task, found in enumerate(result.standardisers, start=1):
        wanted = Standardiser.of(tasks.data(task).observation)
        np.testing.assert_array_equal(
            (found.mean, found.std), (wanted.mean, wanted.std)
        )


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_a_member_alone_and_among_others(tasks: Any, same: Same, heads: str) -> None:
    settings = replace(tasks.settings, heads=heads)
    together = tasks.learner(Multitask, 3, SEEDS, settings)
    together.block(30)
    for m, seed in enumerate(SEEDS):
        alone = tasks.learner(Multitask, 3, (seed,), settings)
        alone.block(30)
        assert same(alone.result(), together.result().member(m))
