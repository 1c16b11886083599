"""A-GEM's projection against its closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from oer_pipeline.learners.actor_critic import cloning_loss
from oer_pipeline.learners.agem import AGEM
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.gem import GEM
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import policy

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)


def at_task(tasks: Any, task: int, heads: str = "multi") -> tuple[TaskTraining, Step]:
    training = tasks.learner(AGEM, task, SEEDS, replace(tasks.settings, heads=heads))
    training.block(6)
    rows = torch.arange(16).expand(len(SEEDS), -1)
    return training, Step(
        training.context.tables[0].take(rows),
        training.replay.take(rows.expand(task - 1, -1, -1)),
    )


def reference(training: TaskTraining, step: Step) -> Tensor:
    """g_ref (M, P), one old task at a time."""
    network, found = training.state.networks["policy"], []
    for j, (observation, wanted) in enumerate(
        zip(*step.replay[:2], strict=True), start=1
    ):
        loss = cloning_loss(policy.act(network.views, j, observation), wanted).sum()
        gradients = torch.autograd.grad(
            loss, list(network.views.values()), materialize_grads=True
        )
        found.append(network.flatten(gradients))
    return torch.stack(found).mean(dim=0)


def gradients(reference_MP: Tensor) -> Tensor:
    """For the first two members such that harm, for the third one that does not."""
    noise = torch.randn(reference_MP.shape, generator=torch.Generator().manual_seed(0))
    noise = (
        noise
        - (noise * reference_MP).sum(dim=1, keepdim=True)
        / reference_MP.square().sum(dim=1, keepdim=True)
        * reference_MP
    )
    return noise + torch.tensor([[-3.0], [-0.2], [0.1]]) * reference_MP


def projected(
    training: TaskTraining, step: Step, gradient: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """What becomes of a gradient, and the curves."""
    training.state.networks["policy"].gradient.copy_(gradient)
    curves = training.learner.on_gradient(training.view, step)
    return training.state.networks["policy"].gradient, curves


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_closed_form_and_orthogonality(tasks: Any, heads: str) -> None:
    training, step = at_task(tasks, 3, heads)
    ref = reference(training, step)
    before = gradients(ref)
    after, curves = projected(training, step, before)
    inner = (before * ref).sum(dim=1, keepdim=True)
    wanted = before - inner / ref.square().sum(dim=1, keepdim=True) * ref
    assert curves["violated"].tolist() == [1.0, 1.0, 0.0]
    torch.testing.assert_close(after[:2], wanted[:2], rtol=1e-4, atol=1e-6)
    assert (
        (after * ref).sum(dim=1)[:2].abs()
        < 1e-5 * after.norm(dim=1)[:2] * ref.norm(dim=1)[:2]
    ).all()
    assert after[2].equal(before[2])


def test_with_one_old_task_it_is_gem_without_margin(tasks: Any) -> None:
    training, step = at_task(tasks, 2)
    before = gradients(reference(training, step))
    gem = GEM(margin=0.0)
    gem.start(training.view)
    after = projected(training, step, before)[0].clone()
    training.state.networks["policy"].gradient.copy_(before)
    gem.on_gradient(training.view, step)
    torch.testing.assert_close(
        training.state.networks["policy"].gradient, after, rtol=1e-5, atol=1e-6
    )


def test_the_first_task_is_fine_tuning(tasks: Any, same: Same) -> None:
    def trained(kind: type[Learner]) -> Policies:
        training = tasks.learner(kind)
        training.block(20)
        return training.result()

    assert same(trained(AGEM), trained(Finetune))


def test_a_member_alone_and_among_others(tasks: Any, same: Same) -> None:
    together = tasks.learner(AGEM, 3, SEEDS)
    assert (together.block(30)["violated"] > 0.0).any()
    for m, seed in enumerate(SEEDS):
        alone = tasks.learner(AGEM, 3, (seed,))
        alone.block(30)
        assert same(alone.result(), together.result().member(m))
