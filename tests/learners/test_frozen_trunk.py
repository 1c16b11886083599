"""A frozen trunk: after the first task its bits stay, and heads learn on top of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.frozen_trunk import FrozenTrunk
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.task_training import TaskTraining

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)
WHERE = np.random.default_rng(0).standard_normal((len(SEEDS), 20, 5)).astype(np.float32)


def trained(training: TaskTraining, updates: int = 30) -> Policies:
    training.block(updates)
    return training.result()


def changed(before: Policies, after: Policies) -> set[str]:
    return {
        name
        for name, tensor in before.deployed.items()
        if not tensor.equal(after.deployed[name])
    }


def test_the_first_task_is_fine_tuning(tasks: Any, same: Same) -> None:
    assert same(trained(tasks.learner(FrozenTrunk)), trained(tasks.learner(Finetune)))


def test_later_tasks_train_their_head_alone(tasks: Any) -> None:
    first = trained(tasks.learner(FrozenTrunk))
    second = tasks.learner(FrozenTrunk, 2, previous=first)
    start = {
        name: view.detach().clone()
        for name, view in second.state.networks["policy"].views.items()
    }
    after = trained(second)
    assert set(start) == {"head.2.weight", "head.2.bias"}
    assert changed(first, after) == set()
    assert all(not after.deployed[name].equal(tensor) for name, tensor in start.items())
    np.testing.assert_array_equal(
        after.deployed_action(1, WHERE), first.deployed_action(1, WHERE)
    )


def test_the_head_learns_what_fine_tuning_would_teach_it_first(tasks: Any) -> None:
    """The head's gradient is that of the whole network: freezing changes who moves, not
    where to."""
    first = trained(tasks.learner(Finetune))
    gradients = []
    for kind in (FrozenTrunk, Finetune):
        training = tasks.learner(kind, 2, previous=first)
        training.block(2)
        network = training.state.networks["policy"]
        gradients.append(network.unflatten(network.gradient))
    for name in ("head.2.weight", "head.2.bias"):
        assert gradients[0][name].equal(gradients[1][name])
        assert gradients[0][name].abs().max() > 1e-3


def test_a_single_head_goes_on_with_the_new_input(tasks: Any) -> None:
    settings = replace(tasks.settings, heads="single")
    first = trained(tasks.learner(FrozenTrunk, settings=settings))
    second = tasks.learner(FrozenTrunk, 2, settings=settings, previous=first)
    row = second.state.networks["policy"].views["identity.2"].detach().clone()
    after = trained(second)
    assert changed(first, after) == {"head.shared.weight", "head.shared.bias"}
    assert not after.deployed["identity.2"].equal(row)


def test_targets_and_checkpoints_hold_what_moves(tasks: Any, same: Same) -> None:
    first = trained(tasks.learner(FrozenTrunk))
    whole, part, rest = (
        tasks.learner(FrozenTrunk, 2, previous=first) for _ in range(3)
    )
    part.block(15)
    rest.load_state_dict(part.state_dict(), part.updates)
    assert same(trained(rest, 15), trained(whole, 15 + 15))
    assert torch.isfinite(whole.state.target_policy.buffer).all()


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_a_member_alone_and_among_others(tasks: Any, same: Same, heads: str) -> None:
    settings = replace(tasks.settings, heads=heads)
    together = trained(tasks.learner(FrozenTrunk, 3, SEEDS, settings))
    for m, seed in enumerate(SEEDS):
        assert same(
            trained(tasks.learner(FrozenTrunk, 3, (seed,), settings)),
            together.member(m),
        )
