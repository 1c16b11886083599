"""Options: a single head, whose statistics a head sees, the cloning tail, lambda = 0;
and what is refused."""

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
from oer_pipeline.learners.divergence import EXPLODED, DivergedError
from oer_pipeline.learners.er import ExperienceReplay
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import Standardiser

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)


def changed(tasks: Any, **change: Any) -> LearnerSettings:
    settings: LearnerSettings = replace(tasks.settings, **change)
    return settings


def by_hand(
    parameters: dict[str, Tensor], task: int, observation_MBD: np.ndarray
) -> np.ndarray:
    """A single-head policy as it is described: a plain network, fed standardised
    observations and a one-hot task id."""
    known = sorted(
        int(name.split(".")[1]) for name in parameters if name.startswith("identity.")
    )
    one_hot = np.zeros((*observation_MBD.shape[:2], len(known)))
    one_hot[..., known.index(task)] = 1.0
    rows = [parameters["trunk.0.weight"], *(parameters[f"identity.{j}"] for j in known)]
    p = {name: tensor.detach().double().numpy() for name, tensor in parameters.items()}
    first = np.concatenate([r.detach().double().numpy() for r in rows], axis=1)
    hidden = np.maximum(
        np.concatenate((observation_MBD, one_hot), axis=2) @ first + p["trunk.0.bias"],
        0,
    )
    hidden = np.maximum(hidden @ p["trunk.1.weight"] + p["trunk.1.bias"], 0)
    return np.asarray(np.tanh(hidden @ p["head.shared.weight"] + p["head.shared.bias"]))


# A single head ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Finetune, ExperienceReplay, DualBehaviourCloning])
def test_a_single_head_is_deployed_as_a_plain_network_that_is_told_the_task(
    tasks: Any, kind: type[Learner]
) -> None:
    policies = tasks.learner(kind, 3, settings=changed(tasks, heads="single")).result()
    observation = np.random.default_rng(0).standard_normal((3, 9, 5)).astype(np.float32)
    for task in (1, 2, 3):
        data = tasks.data(task).observation
        standardised = (observation - data.mean(axis=0)) / (data.std(axis=0) + 1e-3)
        wanted = by_hand(policies.deployed, task, standardised)
        np.testing.assert_allclose(
            policies.deployed_action(task, observation), wanted, atol=1e-5
        )
    parameters = policies.deployed if policies.task is None else policies.task
    np.testing.assert_allclose(
        policies.task_action(observation),
        by_hand(parameters, 3, standardised),
        atol=1e-5,
    )


@pytest.mark.parametrize("kind", [Finetune, ExperienceReplay, DualBehaviourCloning])
def test_a_new_task_adds_an_input_and_keeps_trunk_and_head(
    tasks: Any, kind: type[Learner]
) -> None:
    settings = changed(tasks, heads="single")
    previous = tasks.before(kind, 3, SEEDS, settings)
    views = (
        tasks.learner(kind, 3, SEEDS, settings, previous)
        .state.networks[kind.deployed]
        .views
    )
    assert set(views) == {*previous.deployed, "identity.3"}
    assert all(p.equal(views[name]) for name, p in previous.deployed.items())
    assert views["identity.3"].shape == (3, 1, 24)
    assert not views["identity.3"].equal(views["identity.2"])
    bound = 1 / np.sqrt(
        5 + 1
    )  # that of a layer with the observation and one input more
    assert 0.8 * bound < views["identity.3"].abs().max() <= bound


def test_replayed_tasks_see_their_own_id(tasks: Any) -> None:
    training = tasks.learner(
        ExperienceReplay, 3, settings=changed(tasks, heads="single")
    )
    rows = torch.arange(16).expand(2, 3, -1)
    replay = training.replay.take(rows)
    step = Step(training.context.tables[0].take(rows[0]), replay)
    found = training.learner.losses(training.view, step)["replay"]
    parameters = training.state.parameters("policy")
    wanted = [
        np.square(
            by_hand(parameters, j, replay.observation[j - 1].numpy())
            - replay.target_action[j - 1].numpy()
        )
        for j in (1, 2)
    ]
    np.testing.assert_allclose(
        found.detach().numpy(), np.mean(wanted, axis=(0, 2, 3)), rtol=1e-5
    )
    views = training.state.networks["policy"].views
    gradients = torch.autograd.grad(
        found.sum(), list(views.values()), materialize_grads=True
    )
    moved = {
        name for name, g in zip(views, gradients, strict=True) if g.abs().sum() > 0
    }
    assert moved == set(views) - {"identity.3"}


@pytest.mark.parametrize("start", ["continual", "self", "fresh"])
def test_the_task_policy_of_a_single_head_starts_with_head_and_trunk_of_the_same_policy(
    tasks: Any, start: str
) -> None:
    settings = changed(tasks, heads="single")
    previous = tasks.before(DualBehaviourCloning, 2, SEEDS, settings, trunk_start=start)
    training = tasks.learner(
        DualBehaviourCloning, 2, SEEDS, settings, previous, trunk_start=start
    )
    views = training.state.networks["task"].views
    sources = {"continual": previous.deployed, "self": previous.task, "fresh": {}}
    for name in (
        "trunk.0.weight",
        "trunk.1.bias",
        "head.shared.weight",
        "head.shared.bias",
    ):
        for source, parameters in sources.items():
            assert source == "fresh" or views[name].equal(parameters[name]) == (
                source == start
            ), (name, source)
    assert {name for name in views if name.startswith("identity")} == {
        "identity.2"
    }  # it learns one task
    losses = training.block(10)
    assert {"behaviour", "value", "clone", "replay"} < set(losses)


# Statistics ---------------------------------------------------------------------------


@pytest.mark.parametrize("statistics", ["task", "first", "none"])
@pytest.mark.parametrize("kind", [Finetune, ExperienceReplay, DualBehaviourCloning])
def test_everything_sees_observations_by_the_chosen_statistics(
    tasks: Any, kind: type[Learner], statistics: str
) -> None:
    training = tasks.learner(kind, 3, settings=changed(tasks, statistics=statistics))
    data = [tasks.data(j).observation for j in (1, 2, 3)]

    def seen(task: int, observation: np.ndarray) -> np.ndarray:
        if statistics == "none":
            return observation
        source = data[task - 1] if statistics == "task" else data[0]
        return np.asarray(
            (observation - source.mean(axis=0)) / (source.std(axis=0) + 1e-3)
        )

    every = training.context.tables[0].take(torch.arange(len(data[2]))[None])
    np.testing.assert_allclose(every.observation[0], seen(3, data[2]), atol=1e-5)
    np.testing.assert_allclose(
        every.next_observation[0], seen(3, tasks.data(3).next_observation), atol=1e-5
    )
    if training.replay is not None:
        for j, members in enumerate(tasks.buffers(3, SEEDS)):
            size = len(members[0])
            for m, buffer in enumerate(members):
                rows = training.replay.values[j, m, :size, :5]
                np.testing.assert_allclose(
                    rows, seen(j + 1, buffer.observation), atol=1e-5
                )
    policies = training.result()
    raw = np.stack([data[2][:7]] * 3)
    for task in (1, 2, 3):
        deployed = training.state.parameters(kind.deployed)
        entering = torch.from_numpy(seen(task, raw).astype(np.float32))
        wanted = policy.act(deployed, task, entering).detach()
        np.testing.assert_allclose(
            policies.deployed_action(task, raw), wanted, atol=1e-5
        )


def test_of_the_first_task_statistics_are_frozen_whatever_comes(tasks: Any) -> None:
    policies = tasks.learner(
        ExperienceReplay, 3, settings=changed(tasks, statistics="first")
    ).result()
    own = Standardiser.of(tasks.data(1).observation)
    for standardiser in policies.standardisers:
        np.testing.assert_array_equal(standardiser.mean, own.mean)
        np.testing.assert_array_equal(standardiser.std, own.std)


def test_no_statistics_leave_observations_bit_for_bit(tasks: Any) -> None:
    training = tasks.learner(Finetune, settings=changed(tasks, statistics="none"))
    np.testing.assert_array_equal(
        training.context.tables[0].observation.numpy(), tasks.data(1).observation
    )


# The cloning tail ---------------------------------------------------------------------


def test_the_tail_moves_the_continual_policy_alone(tasks: Any, same: Same) -> None:
    settings = changed(tasks, updates=10)
    training = tasks.learner(DualBehaviourCloning, 2, SEEDS, settings, clone_tail=6)
    plain = tasks.learner(
        DualBehaviourCloning,
        2,
        SEEDS,
        settings,
        tasks.before(DualBehaviourCloning, 2, SEEDS, settings),
    )
    assert (training.length, plain.length) == (16, 10)
    wanted, found = plain.block(10), training.block(10)
    assert all(loss.equal(found[name]) for name, loss in wanted.items())
    before = training.state_dict()
    losses = training.block(6)
    assert set(losses) == {"clone", "replay"}
    after = training.state_dict()
    moved = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    draws = {
        f"{purpose}.{m}"
        for purpose in ("batch", "target_noise", "replay")
        for m in range(3)
    }
    assert moved - draws == {
        "continual",
        "continual.adam_mean",
        "continual.adam_square",
        "continual.adam_steps",
    }
    result, without = training.result(), plain.result()
    assert result.task is not None
    assert without.task is not None
    assert all(p.equal(result.task[name]) for name, p in without.task.items())
    assert all(p.equal(result.critic[name]) for name, p in without.critic.items())
    assert not any(
        p.equal(result.deployed[name]) for name, p in without.deployed.items()
    )


def test_the_tail_clones_on_every_update_and_comes_closer(tasks: Any) -> None:
    settings = changed(tasks, updates=4, learning_rate=3e-3)
    training = tasks.learner(DualBehaviourCloning, 1, SEEDS, settings, clone_tail=200)
    training.block(4)
    before = training.state_dict()["continual.adam_steps"]
    first, *_, last = [training.block(20)["clone"] for _ in range(10)]
    assert training.state_dict()["continual.adam_steps"] - before == 200
    assert (last < 0.5 * first).all()


def test_a_block_may_reach_into_the_tail(tasks: Any) -> None:
    settings = changed(tasks, updates=7)
    whole, split = (
        tasks.learner(DualBehaviourCloning, 2, SEEDS, settings, clone_tail=4)
        for _ in range(2)
    )
    assert {"critic", "behaviour", "value", "q", "clone", "replay"} == set(
        whole.block(11)
    )
    split.block(7)
    split.block(4)
    assert all(
        p.equal(split.state.networks["continual"].views[n])
        for n, p in whole.state.networks["continual"].views.items()
    )


# lambda = 0 ---------------------------------------------------------------------------


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_er_of_weight_0_is_finetuning_bit_for_bit(
    tasks: Any, same: Same, heads: str
) -> None:
    settings = changed(tasks, heads=heads)
    results = []
    for kind, options in ((Finetune, {}), (ExperienceReplay, {"replay_weight": 0.0})):
        policies, curves = None, []
        for task in (1, 2, 3):
            training = tasks.learner(kind, task, SEEDS, settings, policies, **options)
            curves.append(training.block(30))
            policies = training.result()
        assert policies is not None
        results.append((policies, curves))
    (plain, wanted), (weightless, found) = results
    assert same(plain, weightless)
    assert [set(c) for c in wanted] == [set(c) for c in found]
    assert all(
        loss.equal(found[i][name])
        for i, curve in enumerate(wanted)
        for name, loss in curve.items()
    )
    observation = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    for task in (1, 2, 3):
        np.testing.assert_array_equal(
            plain.deployed_action(task, observation),
            weightless.deployed_action(task, observation),
        )


def test_dbc_of_weight_0_clones_and_replays_nothing(tasks: Any) -> None:
    training = tasks.learner(DualBehaviourCloning, 2, replay_weight=0.0)
    assert training.replay is None
    assert "replay" not in training.block(4)
    assert "clone" in training.block(4)


# What the configuration says of options -----------------------------------------------


def test_its_class_says_whether_a_learner_replays_or_learns_together(
    configured: Any,
) -> None:
    """The plan looks at the class alone, without making the learner."""
    learner = configured.kind(**configured.options)
    assert learner.replays == configured.kind.replays
    assert learner.together == configured.kind.together


def test_options_said_to_act_later_leave_the_first_task_alone(
    tasks: Any, same: Same, configured: Any
) -> None:
    """The plan lets runs that differ in them share the first task."""
    numbers = {
        n: v for n, v in configured.options.items() if isinstance(v, int | float)
    }
    others = configured.options | {name: 0.5 * value for name, value in numbers.items()}
    others |= {"trunk_start": "fresh"} if "trunk_start" in configured.later else {}
    options = {
        name: others[name] if name in configured.later else v
        for name, v in configured.options.items()
    }
    assert (options != configured.options) == bool(configured.later)
    results = []
    for chosen in (configured.options, options):
        training = tasks.learner(configured.kind, 1, **chosen)
        training.block(20)
        results.append(training.result())
    assert same(*results)


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            ExperienceReplay,
            {"replay_weight": -0.5},
            "er: replay_weight is -0.5; it has to be at least 0",
        ),
        (ExperienceReplay, {"replay_weight": float("nan")}, "er: replay_weight is nan"),
        (DualBehaviourCloning, {"replay_weight": -1}, "er_dbc: replay_weight is -1"),
        (
            DualBehaviourCloning,
            {"clone_tail": -3},
            "er_dbc: clone_tail is -3; it has to be at least 0",
        ),
        (
            DualBehaviourCloning,
            {"trunk_start": "old"},
            "er_dbc: trunk_start is 'old'; choose one of continual, fresh, self",
        ),
    ],
)
def test_options_of_no_meaning_are_refused(
    kind: type[Learner], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        kind(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": "two"}, "learner.heads is 'two'; choose one of multi, single"),
        (
            {"statistics": "second"},
            "learner.statistics is 'second'; choose one of first, none, task",
        ),
    ],
)
def test_settings_of_no_meaning_are_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        LearnerSettings(**change)


# Divergence ---------------------------------------------------------------------------


def largest(tasks: Any, task: int, discount: float) -> float:
    return EXPLODED * float(np.abs(tasks.data(task).reward).max()) / (1 - discount)


def test_exploding_values_name_task_seed_and_update(tasks: Any) -> None:
    training = tasks.learner(Finetune, 2)
    training.block(4)
    bias = training.state.critic.views["2.bias"].data
    bias[2] += 1.1 * largest(tasks, 2, 0.9)  # seed 1's first twin
    with pytest.raises(
        DivergedError,
        match=(
            r"task 2: .*seed\(s\) \[1\] are finite, but mean Q is beyond \S+ at"
            r" update 6"
        ),
    ):
        training.block(2)


@pytest.mark.parametrize("sign", [1, -1])
def test_large_values_that_a_return_can_have_are_no_explosion(
    tasks: Any, sign: int
) -> None:
    training = tasks.learner(Finetune, 2)
    bias = training.state.critic.views["2.bias"].data
    bias += sign * 0.5 * largest(tasks, 2, 0.9)
    training.block(2)
    bias += sign * largest(tasks, 2, 0.9)
    with pytest.raises(DivergedError, match=r"seed\(s\) \[0, 1, 7\]"):
        training.block(2)


@pytest.mark.parametrize("reward", [0.0, 1e-6])
def test_tiny_rewards_are_no_explosion(tasks: Any, reward: float) -> None:
    data = tasks.data(1)
    poor = replace(data, reward=np.full(len(data), reward, np.float32))
    training = TaskTraining(Finetune(), tasks.settings, poor, (), None, SEEDS)
    assert (training.block(10)["q"] != 0).all()


def test_what_is_not_finite_is_named_before_what_exploded(tasks: Any) -> None:
    training = tasks.learner(Finetune, 1)
    bias = training.state.critic.views["2.bias"].data
    bias[0] = torch.nan
    bias[4] += 10 * largest(tasks, 1, 0.9)
    with pytest.raises(
        DivergedError, match=r"task 1: .*seed\(s\) \[0\] are not finite"
    ):
        training.block(2)
