"""PackNet: who owns which weight, what never moves again, what is free for others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.plain import TD3BC, Actor
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.bases.built_in import BUILT_IN
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.packnet import PackNet, free_share, release
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.training.fit import fit
from oer_pipeline.training.module import BlockModule
from tests.learners.plain_networks import (
    Minibatches,
    compare_weights,
    linears,
    load,
    plain_actor,
    plain_agent,
    plain_critic,
    with_next,
)

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)
ALL = {"tasks": 3, "retrain": 0.3}
UPDATES, PAUSE = 20, 14  # 30 % of them retrain
WHERE = np.random.default_rng(0).standard_normal((3, 9, 5)).astype(np.float32)
HEADS = pytest.mark.parametrize("heads", ["multi", "single"])
SIZES = pytest.mark.parametrize("change", [{}, {"batch_size": 13, "hidden": (11, 7)}])


def short(tasks: Any, **change: Any) -> LearnerSettings:
    """Tasks of 20 updates, in larger steps: weights move far."""
    change |= {"updates": UPDATES, "learning_rate": 3e-3}
    settings: LearnerSettings = replace(tasks.settings, **change)
    return settings


def begun(
    tasks: Any,
    /,
    task: int,
    settings: LearnerSettings,
    previous: Policies | None,
    seeds: tuple[int, ...] = SEEDS,
    **options: Any,
) -> TaskTraining:
    options = ALL | options
    training: TaskTraining = tasks.learner(
        PackNet, task, seeds, settings, previous, **options
    )
    return training


def learned(
    tasks: Any,
    /,
    settings: LearnerSettings,
    upto: int = 3,
    seeds: tuple[int, ...] = SEEDS,
    **options: Any,
) -> list[Policies]:
    """What tasks 1 to `upto` leave behind, each of them learned to its end."""
    left: list[Policies] = []
    for task in range(1, upto + 1):
        previous = left[-1] if left else None
        training = begun(tasks, task, settings, previous, seeds, **options)
        training.block(settings.updates)
        left.append(training.result())
    return left


def owners(policies: Policies) -> dict[str, Tensor]:
    """Of every weight that has one, its owner."""
    found = {}
    for name, tensor in policies.deployed.items():
        if name.startswith("owner."):
            found[name.removeprefix("owner.")] = tensor
    return found


# Against plain networks ---------------------------------------------------------------


class ToldTheTask(Actor):
    """A plain network with a single head, told one of `tasks` by a one-hot input."""

    def __init__(self, state: int, action: int, hidden: Any, tasks: int) -> None:
        super().__init__(state + tasks, action, hidden, [1])
        self.tasks = tasks

    def forward(self, state: Tensor, task: int) -> Tensor:
        one_hot = torch.zeros(len(state), self.tasks)
        one_hot[:, task - 1] = 1.0
        return super().forward(torch.cat([state, one_hot], 1), 1)


def plain_policy(training: TaskTraining, member: int) -> Actor:
    parameters, s = training.state.parameters("policy"), training.context.settings
    if s.heads == "multi":
        return plain_actor(parameters, member, s)
    actor = ToldTheTask(5, 2, s.hidden, training.context.task)
    rows = [parameters[f"identity.{j}"] for j in range(1, training.context.task + 1)]
    first = torch.cat([parameters["trunk.0.weight"], *rows], dim=1)
    weights = {"trunk.0": first, "trunk.1": parameters["trunk.1.weight"]}
    weights["head.shared"] = parameters["head.shared.weight"]
    for (name, weight), layer in zip(weights.items(), linears(actor), strict=True):
        load(layer, weight[member], parameters[f"{name}.bias"][member])
    return actor


class PlainPackNet:
    """PackNet around a plain agent: masks on the gradients of torch's own modules.

    `owners` holds one matrix (outputs, inputs) a layer that tasks share. Inputs beyond
    the five observations are the tasks' own.
    """

    def __init__(self, agent: TD3BC, owners: list[Tensor] | None, single: bool) -> None:
        self.agent, self.task, self.single = agent, agent.task, single
        fresh = [torch.ones(layer.weight.shape) for layer in self.layers(agent.actor)]
        self.owners = fresh if owners is None else owners
        if single:
            self.owners[0] = torch.cat([self.owners[0][:, :5], self.of_inputs()], 1)
        for layer, owner in zip(self.layers(agent.actor), self.owners, strict=True):
            layer.weight.register_hook(lambda g, owner=owner: g * (owner == self.task))
            layer.bias.register_hook(lambda g: g * (self.task == 1))

    def layers(self, actor: Actor) -> list[nn.Linear]:
        """Those that all tasks go through."""
        return linears(actor) if self.single else linears(actor.trunk)

    def of_inputs(self) -> Tensor:
        """The owners of the one-hot inputs' weights: input j is task j's."""
        width = len(self.owners[0])
        return torch.arange(1.0, self.task + 1.0).expand(width, -1)

    def prune(self, share: float) -> None:
        agent = self.agent
        online, targets = self.layers(agent.actor), self.layers(agent.actor_target)
        for owner, layer, target in zip(self.owners, online, targets, strict=True):
            shared = owner[:, :5] if layer is online[0] else owner
            weight = layer.weight.detach()[:, : shared.shape[1]]
            sizes, _ = weight[shared == self.task].abs().sort(descending=True)
            smallest = sizes[round(share * len(sizes)) - 1]
            goes = (shared == self.task) & (weight.abs() < smallest)
            shared[goes] = self.task + 1
            weight[goes] = 0.0
            target.weight.detach()[:, : shared.shape[1]][goes] = 0.0
        rate = agent.constants.learning_rate
        agent.actor_optimizer = torch.optim.Adam(agent.actor.parameters(), lr=rate)


@pytest.mark.parametrize("base", list(BUILT_IN))
@HEADS
def test_it_is_packnet_on_plain_networks(tasks: Any, base: str, heads: str) -> None:
    settings = short(tasks, base=base, heads=heads)
    previous, known = None, [None] * len(SEEDS)
    for task in (1, 2, 3):
        training = begun(tasks, task, settings, previous)
        actors = [plain_policy(training, m) for m in range(len(SEEDS))]
        agents = [plain_agent(training, m, actor) for m, actor in enumerate(actors)]
        single = heads == "single"
        plain = [PlainPackNet(a, k, single) for a, k in zip(agents, known, strict=True)]
        batches = Minibatches(tasks, training)
        for update in range(1, UPDATES + 1):
            draws = batches.draw()
            training.block(1)
            for m, agent in enumerate(agents):
                batch = with_next(batches.batch(draws, m), tasks, training, draws, m)
                agent.update(batch, draws.noise[0, m])
                if update == PAUSE and task < 3:
                    plain[m].prune(1 / (3 - task + 1))
        previous = training.result()
        for m, agent in enumerate(agents):
            compare_weights(plain_policy(training, m), agent.actor)
            critic = plain_critic(training.state.critic.views, m, settings)
            compare_weights(critic, agent.critic)
            compare_targets(training, agent, m)
            found = [owner[m].T.float() for owner in owners(previous).values()]
            for owner, wanted in zip(found, plain[m].owners, strict=True):
                assert owner.equal(wanted[:, : owner.shape[1]])
        known = [p.owners for p in plain]


def compare_targets(training: TaskTraining, agent: TD3BC, member: int) -> None:
    """The target policy, in what the policy trains."""
    online = training.state.networks["policy"].buffer
    kept = online.clone()
    online.copy_(training.state.target_policy.buffer)
    try:
        compare_weights(plain_policy(training, member), agent.actor_target)
    finally:
        online.copy_(kept)


# What stays ---------------------------------------------------------------------------


@SIZES
@HEADS
def test_old_tasks_act_bit_for_bit_as_when_they_were_learned(
    tasks: Any, heads: str, change: dict[str, Any], tmp_path: Path
) -> None:
    """Every stored policy, on every task that it has learned."""
    left = learned(tasks, short(tasks, heads=heads, **change))
    stored = []
    for policies in left:
        file = tmp_path / f"{policies.tasks}.safetensors"
        save_file(policies.tensors(), file)
        header = json.loads(json.dumps(policies.header()))
        stored.append(Policies.from_tensors(load_file(file), header))
    for task in (1, 2, 3):
        wanted = left[task - 1].deployed_action(task, WHERE)
        np.testing.assert_array_equal(left[task - 1].task_action(WHERE), wanted)
        for policies in stored[task - 1 :]:
            found = policies.deployed_action(task, WHERE)
            np.testing.assert_array_equal(found, wanted)
            alone = policies.member(1).deployed_action(task, WHERE[1:2])
            np.testing.assert_array_equal(alone[0], wanted[1])


@HEADS
def test_without_masks_old_tasks_would_act_otherwise(tasks: Any, heads: str) -> None:
    [*_, last] = learned(tasks, short(tasks, heads=heads))
    bare = {n: p for n, p in last.deployed.items() if not n.startswith("owner.")}
    unmasked = replace(last, deployed=bare)
    for task in (1, 2):
        wanted = last.deployed_action(task, WHERE)
        found = unmasked.deployed_action(task, WHERE)
        assert np.abs(found - wanted).max() > 1e-2
    wanted = last.deployed_action(3, WHERE)
    np.testing.assert_array_equal(unmasked.deployed_action(3, WHERE), wanted)


@HEADS
def test_a_task_moves_its_own_weights_and_no_others(tasks: Any, heads: str) -> None:
    first, second, third = learned(tasks, short(tasks, heads=heads))
    for before, after in ((first, second), (second, third)):
        task, own = after.tasks, owners(after)
        for name, owner in owners(before).items():
            old, new = before.deployed[name], after.deployed[name]
            was_free = owner == task
            assert new[~was_free].equal(old[~was_free])
            assert owner[~was_free].equal(own[name][~was_free])
            assert not old[was_free].any()
            moved = (new[own[name] == task] != 0.0).float().mean()
            assert moved > 0.5  # some units are dead
            assert not new[own[name] > task].any()
        others = before.deployed.keys() - owners(before).keys()
        for name in {n for n in others if not n.startswith("owner.")}:
            assert after.deployed[name].equal(before.deployed[name]), name


def test_biases_learn_with_the_first_task_while_it_retrains_too(tasks: Any) -> None:
    training = begun(tasks, 1, short(tasks), None)
    biases = [
        training.state.networks["policy"].views[f"trunk.{i}.bias"] for i in (0, 1)
    ]
    seen = [[b.detach().clone() for b in biases]]
    for length in (PAUSE, UPDATES - PAUSE):
        training.block(length)
        seen.append([b.detach().clone() for b in biases])
    for before, after in pairwise(seen):
        assert not any(b.equal(a) for b, a in zip(before, after, strict=True))


# Who owns what ------------------------------------------------------------------------


@HEADS
@pytest.mark.parametrize(
    ("options", "free"),
    [
        ({"tasks": 3}, (2 / 3, 1 / 3, 0)),
        ({"tasks": 4}, (3 / 4, 2 / 4, 1 / 4)),
        ({"share": 0.25}, (0.75, 0.75**2, 0.75**3)),
        ({"tasks": None}, (0.5, 0.25, 0.125)),  # nobody knows how many there will be
        ({"share": 1.0}, (0, 0, 0)),
    ],
)
def test_the_share_of_free_weights_after_each_task(
    tasks: Any, heads: str, options: dict[str, Any], free: tuple[float, ...]
) -> None:
    left = learned(tasks, short(tasks, heads=heads), **options)
    for policies, wanted in zip(left, free, strict=True):
        found = free_share(policies.deployed, policies.tasks)
        assert found == pytest.approx(wanted, abs=0.01)
        for owner in owners(policies).values():  # every layer of every member
            each = (owner > policies.tasks).float().mean(dim=(1, 2))
            assert (each == each[0]).all()
            assert each[0].item() == pytest.approx(wanted, abs=0.02)


def test_what_has_owners_is_what_all_tasks_go_through(tasks: Any) -> None:
    for heads, more in (("multi", set()), ("single", {"head.shared.weight"})):
        [policies] = learned(tasks, short(tasks, heads=heads), 1)
        assert owners(policies).keys() == {"trunk.0.weight", "trunk.1.weight"} | more


def test_the_largest_weights_stay_and_the_smallest_go() -> None:
    weight = torch.tensor([[[0.3, -0.9], [5.0, 0.1], [-0.2, 0.4]]]).repeat(2, 1, 1)
    weight[1] *= -1.0
    owner = torch.tensor([[[2, 2], [1, 2], [2, 2]]], dtype=torch.int16).repeat(2, 1, 1)
    release(weight, owner, task=2, share=0.4)  # of five
    assert owner.tolist() == [[[3, 2], [1, 3], [3, 2]]] * 2
    release(weight, owner, task=2, share=0.01)
    assert owner.tolist() == [[[3, 2], [1, 3], [3, 3]]] * 2  # one stays in any case


def test_of_equal_weights_the_first_stay() -> None:
    owner = torch.ones(1, 200, 300, dtype=torch.int16)
    release(torch.zeros(1, 200, 300), owner, task=1, share=0.5)
    assert (owner[0, :100] == 1).all()
    assert (owner[0, 100:] == 2).all()


def test_pruning_takes_every_layers_smallest_and_starts_afresh(tasks: Any) -> None:
    settings = short(tasks)
    training, twin = (begun(tasks, 1, settings, None, retrain=r) for r in (0.3, 0.0))
    training.block(PAUSE)
    twin.block(PAUSE)  # it would prune at the end
    for name, owner in training.learner.owners().items():
        before = twin.state.networks["policy"].views[name.removeprefix("owner.")].abs()
        for m in range(len(SEEDS)):
            kept, gone = (before[m][owner[m] == j].detach() for j in (1, 2))
            assert kept.min() >= gone.max()
    released = training.learner.running()["owner"] == 2
    assert 0.4 < released.float().mean() < 0.7
    for network in (training.state.networks["policy"], training.state.target_policy):
        assert not network.buffer[released].any()
    state = training.state_dict()
    assert not any(state[f"policy.adam_{p}"].any() for p in ("mean", "square", "steps"))
    assert state["critic.adam_steps"] == PAUSE
    training.block(2)
    assert training.state_dict()["policy.adam_steps"] == 1


def test_the_last_of_all_tasks_prunes_nothing(tasks: Any, same: Same) -> None:
    settings = short(tasks)
    left = learned(tasks, settings, 2)
    results = []
    for retrain in (0.3, 0.9):
        training = begun(tasks, 3, settings, left[-1], retrain=retrain)
        assert training.learner.pause_after(training.view) is None
        training.block(UPDATES)
        results.append(training.result())
    assert same(*results)


def test_the_first_task_is_fine_tuning_until_it_prunes(tasks: Any) -> None:
    ours = begun(tasks, 1, short(tasks), None)
    plain = tasks.learner(Finetune, 1, SEEDS, short(tasks))
    for training in (ours, plain):
        training.block(PAUSE - 1)
    assert ours.state.networks["policy"].buffer.equal(
        plain.state.networks["policy"].buffer
    )
    assert ours.state.critic.buffer.equal(plain.state.critic.buffer)


def test_retraining_is_part_of_the_tasks_updates(tasks: Any) -> None:
    for updates, retrain, pause in ((20, 0.3, 14), (20, 0.0, 20), (1, 0.9, 1)):
        settings = replace(tasks.settings, updates=updates)
        training = begun(tasks, 1, settings, None, retrain=retrain)
        assert training.learner.pause_after(training.view) == pause
        assert training.length == updates
        training.block(updates)
        released = training.result().deployed["owner.trunk.0.weight"] == 2
        assert released.float().mean() == pytest.approx(2 / 3)


# Side by side, replayed, resumed ------------------------------------------------------


@SIZES
@HEADS
def test_a_member_alone_and_among_others(
    tasks: Any,
    same: Same,
    heads: str,
    change: dict[str, Any],
) -> None:
    settings = short(tasks, heads=heads, **change)
    together = learned(tasks, settings)
    for m, seed in enumerate(SEEDS):
        alone = learned(tasks, settings, seeds=(seed,))
        for one, all_ in zip(alone, together, strict=True):
            assert same(one, all_.member(m))


@HEADS
@pytest.mark.parametrize("base", list(BUILT_IN))
@pytest.mark.parametrize("delay", [2, 3])  # 14 updates are no whole periods of 3
def test_replayed_before_and_after_pruning_it_is_eager(
    tasks: Any, same: Same, heads: str, base: str, delay: int
) -> None:
    settings = short(tasks, heads=heads, base=base, policy_delay=delay)
    [first] = learned(tasks, settings, 1)
    eager, *others = (begun(tasks, 2, settings, first) for _ in range(4))
    eager.block(UPDATES)
    for other, lengths in zip(others, ((20,), (14, 6), (3, 4, 10, 3)), strict=True):
        other.capture_updates()
        for length in lengths:
            other.block(length)
        assert other.captured.has_captured
        assert same(other.result(), eager.result())
        state, wanted = other.state_dict(), eager.state_dict()
        assert [n for n, t in wanted.items() if not t.equal(state[n])] == []


@HEADS
@pytest.mark.parametrize("interrupted", [PAUSE - 3, PAUSE, PAUSE + 3])
def test_goes_on_where_it_was_interrupted(
    tasks: Any,
    same: Same,
    heads: str,
    interrupted: int,
    tmp_path: Path,
) -> None:
    settings = short(tasks, heads=heads)
    [first] = learned(tasks, settings, 1)
    whole, rest = (begun(tasks, 2, settings, first) for _ in range(2))
    whole.block(interrupted)
    save_file(whole.state_dict(), tmp_path / "state.safetensors")
    whole.block(UPDATES - interrupted)
    rest.block(UPDATES - 1)  # what is loaded replaces what is there, masks included
    rest.load_state_dict(load_file(tmp_path / "state.safetensors"), interrupted)
    rest.block(UPDATES - interrupted)
    assert same(rest.result(), whole.result())


class KilledError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("killed_in_block", [2, 3])  # before and after pruning
def test_a_killed_training_ends_in_the_bytes_of_one_that_was_not(
    tasks: Any, killed_in_block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = learned(tasks, short(tasks), 1)
    settings, file = replace(short(tasks), updates=210), tmp_path / "task_2.safetensors"

    def train(name: str, **how: Any) -> bytes:
        learner = PackNet(**ALL)
        left = fit(learner, settings, tasks.data(2), [], first, SEEDS, **how)
        save_file(left.policies.tensors(), tmp_path / name)
        return (tmp_path / name).read_bytes()

    wanted, step = train("whole"), BlockModule.training_step

    def killed(module: BlockModule, batch: int, batch_idx: int) -> None:
        if batch_idx + 1 == killed_in_block:
            raise KilledError
        step(module, batch, batch_idx)

    monkeypatch.setattr(BlockModule, "training_step", killed)
    with pytest.raises(KilledError):
        train("killed", checkpoint=file, every_seconds=0.0)
    monkeypatch.undo()
    assert "learner.owner" in load_file(file)
    assert train("again", checkpoint=file, every_seconds=0.0) == wanted


# What it is for -----------------------------------------------------------------------


def test_it_learns_two_tasks_that_pay_for_opposite_actions(tasks: Any) -> None:
    """The reward is 1 - s_0 a_0 in task 1, 1 + s_0 a_0 in task 2."""
    larger = {"updates": 1_500, "batch_size": 64, "learning_rate": 1e-3}
    settings = replace(tasks.settings, discount=0.0, **larger)
    left = learned(tasks, settings, 2, (0,), tasks=2)
    for task, sign in ((1, -1), (2, 1)):
        observation = tasks.data(task).observation
        action = left[-1].deployed_action(task, observation[None])[0]
        slope = np.corrcoef(observation[:, 0], action[:, 0])[0, 1]
        assert sign * slope > 0.6


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, "packnet: share is 0.0; it has to be above 0 and at most 1"),
        ({"share": 1.5}, "packnet: share is 1.5"),
        ({"share": "half"}, "packnet: share is 'half'; it has to be a number"),
        ({"retrain": 1.0}, "packnet: retrain is 1.0; .* at least 0 and below 1"),
        ({"retrain": -0.1}, "packnet: retrain is -0.1"),
        ({"tasks": 0}, "packnet: tasks is 0; it has to be at least 1"),
        ({"tasks": 2.5}, "packnet: tasks is 2.5; it has to be a whole number"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        PackNet(**options)


def test_policies_of_another_learner_are_refused(tasks: Any) -> None:
    settings = short(tasks)
    previous = tasks.before(Finetune, 2, SEEDS, settings)
    wanted = r"after task 1 hold no owner\.trunk\.0\.weight; .* with packnet"
    with pytest.raises(ConfigurationError, match=wanted):
        begun(tasks, 2, settings, previous)


def test_more_tasks_than_were_said_to_come_are_refused(tasks: Any) -> None:
    settings = short(tasks)
    left = learned(tasks, settings, 2, tasks=2)
    with pytest.raises(ConfigurationError, match=r"packnet: tasks is 2; .* at least 3"):
        begun(tasks, 3, settings, left[-1], tasks=2)
