"""EWC and online EWC against the explicit sums of their papers; what all learners that
hold weights have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.ewc import EWC
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.fisher import fisher
from oer_pipeline.learners.online_ewc import OnlineEWC
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.rwalk import RiemannianWalk
from oer_pipeline.learners.si import SynapticIntelligence
from oer_pipeline.learners.task_training import TaskTraining

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)
KINDS = [EWC, OnlineEWC, SynapticIntelligence, RiemannianWalk]
HEADS = pytest.mark.parametrize("heads", ["multi", "single"])
STEP: Step = None  # type: ignore[assignment]  # these learners' gradients do not look at it


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def learned(
    tasks: Any, kind: type[Learner], upto: int, heads: str, **options: Any
) -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor]], Policies]:
    """After each task 1..upto its Fisher and the weights, by name, and what is left at
    the end."""
    policies, fishers, weights = None, [], []
    for task in range(1, upto + 1):
        training = tasks.learner(
            kind, task, SEEDS, replace(tasks.settings, heads=heads), policies, **options
        )
        training.block(20)
        fishers.append(
            training.state.networks["policy"].unflatten(fisher(training.view))
        )
        policies = training.result()
        weights.append(policies.deployed)
    assert policies is not None
    return fishers, weights, policies


def moved(training: TaskTraining) -> dict[str, Tensor]:
    """Push the weights somewhere and clear the gradient; the weights, ready for
    autograd."""
    policy = training.state.networks["policy"]
    policy.buffer.add_(0.1 * torch.randn_like(policy.buffer))
    policy.gradient.zero_()
    return {
        name: view.detach().clone().requires_grad_()
        for name, view in policy.views.items()
    }


def assert_gradient(
    training: TaskTraining, theta: dict[str, Tensor], value: Tensor
) -> dict[str, Tensor]:
    """What `on_gradient` adds is the gradient of `value` at `theta`; 0 for what has no
    part in it. Its curves."""
    curves = training.learner.on_gradient(training.view, STEP)
    wanted = torch.autograd.grad(
        value, list(theta.values()), allow_unused=True, materialize_grads=True
    )
    found = training.state.networks["policy"].unflatten(
        training.state.networks["policy"].gradient
    )
    for name, gradient in zip(theta, wanted, strict=True):
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4)
    assert any(gradient.any() for gradient in wanted)
    return curves  # type: ignore[no-any-return]


def quadratic(
    importance: dict[str, Tensor],
    theta: dict[str, Tensor],
    anchor: dict[str, Tensor],
    weight: float,
) -> Tensor:
    return sum(
        weight * (f * (theta[n] - anchor[n]).square()).sum()
        for n, f in importance.items()
    )  # type: ignore


@HEADS
def test_ewc_is_the_sum_over_tasks_of_their_own_quadratics(
    tasks: Any, heads: str
) -> None:
    fishers, weights, policies = learned(tasks, EWC, 2, heads, penalty=3.0)
    training = tasks.learner(
        EWC, 3, SEEDS, replace(tasks.settings, heads=heads), policies, penalty=3.0
    )
    shown, explicit = [], []
    for _ in range(2):
        theta = moved(training)
        value = sum(
            quadratic(f, theta, w, 1.5) for f, w in zip(fishers, weights, strict=True)
        )
        curves = assert_gradient(training, theta, value)  # type: ignore[arg-type]
        shown.append(curves["penalty"].sum())
        explicit.append(value.detach())  # type: ignore[union-attr]
    # the curve leaves out a constant
    torch.testing.assert_close(
        shown[1] - shown[0], explicit[1] - explicit[0], atol=1e-3, rtol=1e-3
    )


@HEADS
def test_online_ewc_is_one_fading_fisher_with_the_newest_weights(
    tasks: Any, heads: str
) -> None:
    decay = 0.6
    fishers, weights, policies = learned(
        tasks, OnlineEWC, 3, heads, penalty=3.0, decay=decay
    )
    running = {
        name: sum(
            decay ** (2 - j) * f[name] for j, f in enumerate(fishers) if name in f
        )
        for name in fishers[-1]
    }
    for name, wanted in running.items():
        torch.testing.assert_close(
            policies.kept[f"fisher.{name}"], wanted, atol=1e-7, rtol=1e-5
        )
    task_4 = replace(tasks.settings, heads=heads)
    training = TaskTraining(
        OnlineEWC(3.0, decay), task_4, tasks.data(4), (), policies, SEEDS
    )
    theta = moved(training)
    assert_gradient(
        training, theta, quadratic(running, theta, weights[-1], 1.5 * decay)
    )  # type: ignore[arg-type]


# What all of them have in common ------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings",
    [{}, {"heads": "single", "base": "bc", "batch_size": 13, "hidden": (11, 7)}],
)
def test_members_alone_and_among_others(
    tasks: Any, same: Same, kind: type[Learner], settings: dict[str, Any]
) -> None:
    own = replace(tasks.settings, **settings)

    def trained(seeds: tuple[int, ...]) -> tuple[Policies, dict[str, Tensor]]:
        training = tasks.learner(kind, 2, seeds, own)
        curves = training.block(30)
        return training.result(), curves

    together, curves = trained(SEEDS)
    for m, seed in enumerate(SEEDS):
        alone, own_curves = trained((seed,))
        assert same(alone, together.member(m))
        assert {n: c[0].item() for n, c in own_curves.items()} == {
            n: c[m].item() for n, c in curves.items()
        }


@pytest.mark.parametrize("kind", KINDS)
def test_without_weight_it_is_fine_tuning(tasks: Any, kind: type[Learner]) -> None:
    results = []
    for learner, options in ((kind, {"penalty": 0.0}), (Finetune, {})):
        training = tasks.learner(learner, 3, SEEDS, **options)
        training.block(30)
        results.append(training.result())
    assert all(
        tensor.equal(results[1].deployed[name])
        for name, tensor in results[0].deployed.items()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_weight_holds_what_matters(tasks: Any, kind: type[Learner]) -> None:
    """The drift of task 1's weights, each counted as the penalty counts it."""
    before = tasks.before(kind, 2, SEEDS, tasks.settings)
    drift = []
    for penalty in (0.0, 1e6):
        training = tasks.learner(kind, 2, SEEDS, None, before, penalty=penalty)
        training.block(120)
        policy = training.state.networks["policy"]
        measure = training.learner._penalty
        drift.append(
            (measure.importance * (policy.buffer - measure.anchor).square()).sum(dim=1)
        )
    assert (drift[1] < 0.05 * drift[0]).all()
    assert drift[0].all()


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_where_it_was_interrupted(
    tasks: Any, same: Same, kind: type[Learner]
) -> None:
    before = tasks.before(kind, 2, SEEDS, tasks.settings)
    whole, resumed = (tasks.learner(kind, 2, SEEDS, None, before) for _ in range(2))
    whole.block(20)
    resumed.load_state_dict(whole.state_dict(), whole.updates)
    for training in (whole, resumed):
        training.block(20)
    assert same(whole.result(), resumed.result())
