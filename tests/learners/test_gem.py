"""GEM's constraints against plain autograd, its projection against SciPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners import nonnegative_qp
from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.gem import GEM
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import policy

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)


def at_task_3(
    tasks: Any, heads: str = "multi", margin: float = 0.0
) -> tuple[TaskTraining, Step]:
    training = tasks.learner(
        GEM, 3, SEEDS, replace(tasks.settings, heads=heads), margin=margin
    )
    training.block(6)
    rows = torch.arange(16).expand(len(SEEDS), -1)
    return training, Step(
        training.context.tables[0].take(rows),
        training.replay.take(rows.expand(2, -1, -1)),
    )


def constraints_one_by_one(training: TaskTraining, step: Step) -> Tensor:
    """(J, M, P)"""
    network, found = training.state.networks["policy"], []
    for j, (observation, wanted) in enumerate(
        zip(*step.replay[:2], strict=True), start=1
    ):
        loss = cloning_loss(policy.act(network.views, j, observation), wanted).sum()
        gradients = torch.autograd.grad(
            loss, list(network.views.values()), materialize_grads=True
        )
        found.append(network.flatten(gradients))
    return torch.stack(found)


def harmful(constraints_JMP: Tensor) -> Tensor:
    """Gradients (M, P) that harm both old tasks, one of them, and none."""
    first, second = constraints_JMP
    noise = (
        0.01
        * torch.randn(first.shape, generator=torch.Generator().manual_seed(0))
        * (first != 0.0)
    )
    both, one = -first - second, second - 3.0 * first
    own = torch.stack((both[0], one[1], (first + second)[2]))
    return own + noise * own.norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True)


def projected(
    training: TaskTraining, step: Step, gradient: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """What becomes of a gradient, and the curves."""
    training.state.networks["policy"].gradient.copy_(gradient)
    curves = training.learner.on_gradient(training.view, step)
    return training.state.networks["policy"].gradient, curves


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_constraints_are_each_old_tasks_own_gradient(tasks: Any, heads: str) -> None:
    training, step = at_task_3(tasks, heads)
    wanted = constraints_one_by_one(training, step)
    found = training.learner._constraints(
        training.state.networks["policy"], step.replay
    )
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-7)
    assert (wanted.norm(dim=2) > 1e-3).all()


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_the_nearest_gradient_that_harms_no_old_task(tasks: Any, heads: str) -> None:
    training, step = at_task_3(tasks, heads)
    constraints = constraints_one_by_one(training, step)
    before = harmful(constraints)
    inner = (constraints * before).sum(dim=2)
    after, curves = projected(training, step, before)
    assert curves["violated"].tolist() == (inner < 0.0).sum(dim=0).tolist()
    assert curves["violated"][[0, 2]].tolist() == [2.0, 0.0]
    length = constraints.norm(dim=2) * after.norm(dim=1)
    assert ((constraints * after).sum(dim=2) >= -1e-5 * length).all()
    for m in range(len(SEEDS)):
        old, new, own = (
            before[m].double().numpy(),
            after[m].double().numpy(),
            constraints[:, m].double().numpy(),
        )
        multiplier, _ = nnls(own.T, -old)
        np.testing.assert_allclose(
            new, old + multiplier @ own, atol=2e-6 * np.linalg.norm(old)
        )


def test_what_harms_nothing_stays_bit_for_bit(tasks: Any) -> None:
    training, step = at_task_3(tasks, margin=0.5)
    before = harmful(constraints_one_by_one(training, step))
    after, _ = projected(training, step, before)
    assert after[2].equal(before[2])
    assert not any(after[m].equal(before[m]) for m in (0, 1))


def test_the_margin_descends_old_losses_too(tasks: Any) -> None:
    (plain, step), (wide, _) = at_task_3(tasks), at_task_3(tasks, margin=0.7)
    wide.state.networks["policy"].buffer.copy_(plain.state.networks["policy"].buffer)
    constraints = constraints_one_by_one(plain, step)
    before = harmful(constraints)
    added = projected(wide, step, before)[0] - projected(plain, step, before)[0]
    torch.testing.assert_close(
        added[:2], 0.7 * constraints.sum(dim=0)[:2], rtol=1e-4, atol=1e-6
    )


def test_training_meets_violations_and_forgets_less_than_fine_tuning(
    tasks: Any,
) -> None:
    before = tasks.before(Finetune, 2, SEEDS, tasks.settings)
    lost = {}
    for kind in (Finetune, GEM):
        training = tasks.learner(kind, 2, previous=before)
        violated = training.block(300).get("violated")
        assert kind is Finetune or (violated > 0.0).all()
        [buffers] = tasks.buffers(2, SEEDS)
        states = np.stack([b.observation for b in buffers])
        wanted = np.stack([b.target_action for b in buffers])
        lost[kind] = np.square(
            training.result().deployed_action(1, states) - wanted
        ).mean()
    assert lost[GEM] < lost[Finetune]


def test_the_first_task_is_fine_tuning(tasks: Any, same: Same) -> None:
    results = []
    for kind in (Finetune, GEM):
        training = tasks.learner(kind)
        training.block(20)
        results.append(training.result())
    assert same(*results)


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_a_member_alone_and_among_others(tasks: Any, same: Same, heads: str) -> None:
    settings = replace(tasks.settings, heads=heads)
    together = tasks.learner(GEM, 3, SEEDS, settings)
    assert (together.block(30)["violated"] > 0.0).any()
    for m, seed in enumerate(SEEDS):
        alone = tasks.learner(GEM, 3, (seed,), settings)
        alone.block(30)
        assert same(alone.result(), together.result().member(m))


def test_a_program_that_is_not_solved_is_told(
    tasks: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    training = tasks.learner(GEM, 3, SEEDS)
    assert not training.block(10)["unsolved"].any()
    assert not caplog.messages
    monkeypatch.setattr(nonnegative_qp, "most_pivots", lambda variables: 0)
    assert (training.block(90)["unsolved"] > 0.0).any()
    training.block(100)
    told = [line for line in caplog.messages if "not solved" in line]
    assert told[0].startswith("task 3: seed(s) [")
    assert all(
        sum(f"{seed}" in line.split("]")[0] for line in told) <= 1 for seed in SEEDS
    )


def test_no_negative_margin() -> None:
    with pytest.raises(ConfigurationError, match=r"gem: margin is -0.1"):
        GEM(margin=-0.1)
