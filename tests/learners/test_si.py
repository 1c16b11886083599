"""Synaptic intelligence where the loss is a quadratic, so that every path integral is
known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.si import SynapticIntelligence
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import LearnerView

SEEDS = (0, 7)
CURVATURE, GOAL = 3.0, 0.5


class OnAQuadratic(SynapticIntelligence):
    """L_pi replaced by CURVATURE / 2 sum_i (theta_i - GOAL)^2."""

    def losses(self, training: LearnerView, step: Step) -> dict[str, Tensor]:
        parts = [
            (view - GOAL).square().sum(dim=(1, 2))
            for view in training.networks["policy"].views.values()
        ]
        return {"quadratic": 0.5 * CURVATURE * torch.stack(parts).sum(dim=0)}


@pytest.fixture
def start(tasks: Any) -> Any:
    """A training on the quadratic, each update one of the policy, in steps of 0.001."""
    settings = replace(tasks.settings, base="bc", policy_delay=1, learning_rate=1e-3)

    def begin(previous: Policies | None = None, **options: Any) -> TaskTraining:
        task = 1 if previous is None else previous.tasks + 1
        return TaskTraining(
            OnAQuadratic(**options), settings, tasks.data(task), (), previous, SEEDS
        )

    return begin


def loss(theta_MP: Tensor) -> Tensor:
    return 0.5 * CURVATURE * (theta_MP - GOAL).square()


def inside(training: TaskTraining) -> Tensor:
    """Which entries of the buffer are parameters and not padding, (M, P)."""
    policy = training.state.networks["policy"]
    return policy.flatten(
        [torch.ones_like(view) for view in policy.views.values()]
    ).bool()


def test_path_integral_is_the_decrease_of_the_loss_weight_by_weight(start: Any) -> None:
    training = start()
    before = training.state.networks["policy"].buffer.clone()
    training.block(200)
    after, real = training.state.networks["policy"].buffer, inside(training)
    decrease = loss(before) - loss(after)
    path = training.learner.running()["path"]
    assert decrease[real].abs().mean() > 0.1
    torch.testing.assert_close(path[real], decrease[real], rtol=0.01, atol=1e-3)
    for m in range(len(SEEDS)):
        torch.testing.assert_close(
            path[m][real[m]].sum(), decrease[m][real[m]].sum(), rtol=5e-3, atol=0.0
        )


def test_importance_adds_up_over_tasks(start: Any) -> None:
    first = start(damping=0.2)
    began = first.state.networks["policy"].buffer.clone()
    first.block(50)
    policies = first.result()
    change = (first.state.networks["policy"].buffer - began).square()
    one = first.state.networks["policy"].unflatten(
        (first.learner.running()["path"] / (change + 0.2)).relu()
    )
    second = start(policies, damping=0.2)
    began = second.state.networks["policy"].buffer.clone()
    second.block(50)
    change = (second.state.networks["policy"].buffer - began).square()
    two = second.state.networks["policy"].unflatten(
        second.learner.running()["path"] / (change + 0.2)
    )
    kept = second.result().kept
    for name, part in two.items():
        wanted = (one[name] + part if name in one else part).relu()
        torch.testing.assert_close(kept[f"importance.{name}"], wanted)
    assert "head.2.weight" not in one
    assert kept["importance.head.2.weight"].all()


def test_importance_is_never_negative(start: Any) -> None:
    training = start()
    training.learner.running()["path"].fill_(-1.0)
    assert not any(part.any() for part in training.result().kept.values())


def test_the_gradient_integrated_is_without_the_penalty(start: Any) -> None:
    """Weights pushed off their anchors come back by the penalty, against the loss: the
    path integral turns negative."""
    first = start()
    first.block(20)
    training = start(first.result(), penalty=100.0)
    policy, real = training.state.networks["policy"], inside(training)
    policy.buffer.add_(0.1 * real)  # nearer to the goal
    path = torch.zeros_like(policy.buffer)
    for _ in range(30):
        before = policy.buffer.clone()
        training.block(1)
        path -= CURVATURE * (before - GOAL) * (policy.buffer - before)
    found = training.learner.running()["path"]
    torch.testing.assert_close(found[real], path[real], rtol=1e-3, atol=1e-5)
    held = policy.unflatten(found)["trunk.0.weight"]
    assert (held < 0).float().mean() > 0.5


def test_penalty_has_no_half(start: Any) -> None:
    first = start()
    first.block(20)
    policies = first.result()
    training = start(policies, penalty=3.0)
    policy = training.state.networks["policy"]
    policy.buffer.add_(0.1 * inside(training))
    policy.gradient.zero_()
    curves = training.learner.on_gradient(training.view, None)
    found = policy.unflatten(policy.gradient)
    for name, anchor in policies.deployed.items():
        wanted = (
            2.0
            * 3.0
            * policies.kept[f"importance.{name}"]
            * (policy.views[name].detach() - anchor)
        )
        torch.testing.assert_close(found[name], wanted)
    value = sum(0.5 * 0.1 * found[name].sum(dim=(1, 2)) for name in policies.deployed)
    torch.testing.assert_close(curves["penalty"], value, rtol=1e-4, atol=0.0)
    assert not found["head.2.weight"].any()


def test_options_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="si: damping is 0"):
        SynapticIntelligence(damping=0.0)
    with pytest.raises(ConfigurationError, match="si: penalty is -1"):
        SynapticIntelligence(penalty=-1)
