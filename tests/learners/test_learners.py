"""What sets the learners apart: what is fresh at a task's start, who sees a buffer, who
sees a Q value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.divergence import DivergedError
from oer_pipeline.learners.er import ExperienceReplay
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import LearnerView
from oer_pipeline.networks.policy import Standardiser

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)


def trunk(parameters: dict[str, Tensor]) -> list[Tensor]:
    return [p.detach() for name, p in parameters.items() if name.startswith("trunk.")]


def equal(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(a.equal(b) for a, b in zip(left, right, strict=True))


def trained(training: TaskTraining, updates: int = 40) -> Policies:
    training.block(updates)
    return training.result()


def step(training: TaskTraining) -> Step:
    """What an update on the first 16 rows of everything sees."""
    rows = torch.arange(16).expand(len(SEEDS), -1)
    assert training.replay is not None
    replay = training.replay.take(rows.expand(training.context.task - 1, -1, -1))
    return Step(training.context.tables[0].take(rows), replay)


@pytest.mark.parametrize("kind", [Finetune, ExperienceReplay])
def test_a_later_task_goes_on_with_the_trunk_and_the_old_heads_and_adds_a_new_head(
    tasks: Any, kind: type[Learner]
) -> None:
    previous = tasks.before(kind, 2, SEEDS, tasks.settings)
    views = tasks.learner(kind, 2, previous=previous).state.networks["policy"].views
    assert set(views) == {*previous.deployed, "head.2.weight", "head.2.bias"}
    assert all(p.equal(views[name]) for name, p in previous.deployed.items())
    assert not views["head.2.weight"].equal(views["head.1.weight"])


def test_critics_start_afresh_and_targets_as_copies(tasks: Any) -> None:
    previous = tasks.before(DualBehaviourCloning, 2, SEEDS, tasks.settings)
    training = tasks.learner(DualBehaviourCloning, 2, previous=previous)
    first = tasks.learner(DualBehaviourCloning, 1)
    for name, before in previous.critic.items():
        assert not training.state.critic.views[name].equal(before)
        assert not training.state.critic.views[name].equal(
            first.state.critic.views[name]
        )
    assert training.state.target_critic.buffer.equal(training.state.critic.buffer)
    assert training.state.target_policy.buffer.equal(
        training.state.networks["task"].buffer
    )
    weight = training.state.critic.views["0.weight"]
    assert not weight[0].equal(weight[1])  # twins differ


@pytest.mark.parametrize("start", ["continual", "self", "fresh"])
def test_where_the_task_policys_trunk_starts(tasks: Any, start: str) -> None:
    previous = tasks.before(DualBehaviourCloning, 2, SEEDS, tasks.settings)
    training = tasks.learner(
        DualBehaviourCloning, 2, SEEDS, previous=previous, trunk_start=start
    )
    found = trunk(training.state.networks["task"].views)
    assert equal(found, trunk(previous.deployed)) == (start == "continual")
    assert equal(found, trunk(previous.task)) == (start == "self")
    assert "head.1.weight" not in training.state.networks["task"].views
    assert equal(
        trunk(training.state.networks["continual"].views), trunk(previous.deployed)
    )


@pytest.mark.parametrize(
    ("start", "independent"), [("continual", False), ("self", True), ("fresh", True)]
)
def test_task_policies_depend_on_buffers_only_through_the_continual_trunk(
    tasks: Any, start: str, independent: bool
) -> None:
    chains = []
    for shift in (0, 1_000):
        policies = trained(tasks.learner(DualBehaviourCloning, 1, trunk_start=start))
        for task in (2, 3):
            training = tasks.learner(
                DualBehaviourCloning,
                task,
                SEEDS,
                None,
                policies,
                shift,
                trunk_start=start,
            )
            policies = trained(training)
        chains.append(policies)
    assert (
        equal(list(chains[0].task.values()), list(chains[1].task.values()))
        is independent
    )
    assert (
        equal(list(chains[0].critic.values()), list(chains[1].critic.values()))
        is independent
    )
    assert not equal(trunk(chains[0].deployed), trunk(chains[1].deployed))


def test_no_loss_reaches_the_other_policy(
    tasks: Any,
) -> None:
    training = tasks.learner(DualBehaviourCloning, 2)
    losses = training.learner.losses(training.view, step(training))
    assert set(losses) == {"behaviour", "value", "q", "clone", "replay"}
    assert not losses.pop("q").requires_grad
    reaches = {
        "task": {"behaviour", "value"},
        "continual": {"clone", "replay"},
    }
    for network, wanted in reaches.items():
        views = list(training.state.networks[network].views.values())
        for name, loss in losses.items():
            gradients = torch.autograd.grad(
                loss.sum(), views, retain_graph=True, allow_unused=True
            )
            assert any(g is not None and g.abs().sum() > 0 for g in gradients) == (
                name in wanted
            ), (network, name)


def test_replay_reaches_every_old_head_and_not_the_new_one(tasks: Any) -> None:
    training = tasks.learner(ExperienceReplay, 3)
    views = training.state.networks["policy"].views
    loss = training.learner.losses(training.view, step(training))["replay"]
    gradients = torch.autograd.grad(
        loss.sum(), list(views.values()), materialize_grads=True
    )
    moved = {
        name for name, g in zip(views, gradients, strict=True) if g.abs().sum() > 0
    }
    assert moved == {name for name in views if not name.startswith("head.3")}


def test_finetune_ignores_buffers_and_er_does_not(tasks: Any, same: Same) -> None:
    for kind, ignores in ((Finetune, True), (ExperienceReplay, False)):
        previous = tasks.before(kind, 2, SEEDS, tasks.settings)
        results = [
            trained(tasks.learner(kind, 2, SEEDS, None, previous, shift))
            for shift in (0, 1_000)
        ]
        assert same(*results) is ignores
    previous = tasks.before(Finetune, 2, SEEDS, tasks.settings)
    without = TaskTraining(
        Finetune(), tasks.settings, tasks.data(2), (), previous, SEEDS
    )
    assert same(trained(without), trained(tasks.learner(Finetune, 2)))


def test_replay_holds_the_old_policy_where_finetuning_moves_away(tasks: Any) -> None:
    """With clones of task 1 in the buffer, ER's head 1 stays near them; fine-tuning's
    need not."""
    settings = replace(tasks.settings, learning_rate=3e-3)
    buffer = tasks.buffers(2, SEEDS)[0]

    def distance(kind: type[Learner], **options: float) -> float:
        policies = trained(tasks.learner(kind, 2, SEEDS, settings, **options), 300)
        wanted = np.stack([b.target_action for b in buffer])
        return float(
            np.square(
                policies.deployed_action(1, np.stack([b.observation for b in buffer]))
                - wanted
            ).mean()
        )

    assert distance(ExperienceReplay, replay_weight=50.0) < 0.5 * distance(Finetune)


def test_bc_has_no_use_for_rewards_or_critics(tasks: Any) -> None:
    settings = replace(tasks.settings, base="bc")
    data = tasks.data(1)
    poor = replace(data, reward=np.full(len(data), np.nan, np.float32))
    rich, blind = (
        TaskTraining(Finetune(), settings, d, (), None, SEEDS) for d in (data, poor)
    )
    before = rich.state.critic.buffer.clone()
    assert set(rich.block(20)) == {"behaviour"}
    blind.block(20)
    assert rich.state.critic.buffer.equal(before)
    assert equal(
        list(rich.result().deployed.values()), list(blind.result().deployed.values())
    )


def test_a_block_too_short_for_a_policy_update_is_no_error(tasks: Any) -> None:
    assert set(tasks.learner(Finetune).block(1)) == {"critic"}
    assert (
        tasks.learner(Finetune, settings=replace(tasks.settings, base="bc")).block(1)
        == {}
    )


def test_a_head_keeps_the_statistics_of_its_own_data(tasks: Any) -> None:
    policies = tasks.learner(ExperienceReplay, 3).result()
    for task, standardiser in enumerate(policies.standardisers, start=1):
        wanted = Standardiser.of(tasks.data(task).observation)
        np.testing.assert_array_equal(standardiser.mean, wanted.mean)
        np.testing.assert_array_equal(standardiser.std, wanted.std)
    observation = np.zeros((3, 4, 5), np.float32)
    assert not np.allclose(
        policies.deployed_action(1, observation),
        policies.deployed_action(2, observation),
    )


def test_training_that_diverges_names_task_and_seed(tasks: Any) -> None:
    data = tasks.data(2)
    reward = data.reward.copy()
    reward[::2] = np.nan
    previous = tasks.before(Finetune, 2, SEEDS, tasks.settings)
    training = TaskTraining(
        Finetune(), tasks.settings, replace(data, reward=reward), (), previous, SEEDS
    )
    with pytest.raises(
        DivergedError,
        match=r"task 2: .*seed\(s\) \[0, 1, 7\] are not finite .* at update 5",
    ):
        training.block(5)


def test_only_the_seed_that_diverged_is_named(tasks: Any) -> None:
    training = tasks.learner(Finetune)
    training.state.critic.views["0.weight"].data[2].fill_(
        torch.inf
    )  # seed 1's first twin
    with pytest.raises(DivergedError, match=r"seed\(s\) \[1\] are"):
        training.block(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"updates": 0}, "learner.updates is 0; it has to be at least 1"),
        ({"policy_delay": 0}, "learner.policy_delay is 0"),
        ({"batch_size": -1}, "learner.batch_size is -1"),
    ],
)
def test_settings_refuse_what_cannot_be_trained(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        LearnerSettings(**change)


class Pausing(Finetune):
    """Halves the policy's weights once, and notes after which update."""

    def __init__(self, after: int | None) -> None:
        self.after, self.noted = after, []

    def pause_after(self, training: LearnerView) -> int | None:
        return self.after

    def on_pause(self, training: LearnerView) -> None:
        self.noted.append(training.updates)
        training.networks["policy"].buffer.mul_(0.5)


@pytest.mark.parametrize("replayed", [False, True])
def test_a_pause_comes_once_wherever_blocks_begin_and_end(
    tasks: Any, replayed: bool
) -> None:
    results = []
    for lengths in ((12,), (7, 5), (6, 1, 5), (8, 4), (1,) * 12):
        how = replace(tasks, hardware={"graphs": replayed})
        training = how.learner(Pausing, after=7)
        for length in lengths:
            training.block(length)
        assert training.learner.noted == [7]
        results.append(training.state.networks["policy"].buffer)
    assert all(buffer.equal(results[0]) for buffer in results)


def test_without_a_pause_or_before_it_nothing_comes(tasks: Any) -> None:
    for after in (None, 9, 100):
        training = tasks.learner(Pausing, after=after)
        training.block(8)
        assert training.learner.noted == []
    training.load_state_dict(
        training.state_dict(), 100
    )  # the pause is behind what is loaded
    training.block(4)
    assert training.learner.noted == []


def test_parameter_count_is_policies_and_twin_critics_of_one_member(tasks: Any) -> None:
    trunk_, head = (5 * 24 + 24) + (24 * 16 + 16), 16 * 2 + 2
    critic = (7 * 24 + 24) + (24 * 16 + 16) + (16 + 1)
    assert (
        tasks.learner(Finetune, 2).parameter_count() == trunk_ + 2 * head + 2 * critic
    )
    assert (
        tasks.learner(DualBehaviourCloning, 2).parameter_count()
        == 2 * trunk_ + 3 * head + 2 * critic
    )


def test_critics_that_the_last_update_spoiled_are_not_handed_on(tasks: Any) -> None:
    """A selector would ask them, long after the training."""
    training = tasks.learner(Finetune)
    training.block(1)
    seeds = training.context.seeds
    twin_of_second = 2 * 1 + 1
    training.state.critic.buffer.data[twin_of_second] = torch.nan
    words = rf"weights of seed\(s\) \[{seeds[1]}\] .* \(network critic\)"
    with pytest.raises(DivergedError, match=words):
        training.result()
