"""The stacked learners against plain networks: same weights, minibatches and noise
(method, sections 2 to 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.plain import TD3BC, PlainBatch, PlainDBC, PlainER
from oer_pipeline.learners import actor_critic
from oer_pipeline.learners.batches import Draws
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.er import ExperienceReplay
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks import policy
from oer_pipeline.networks.flat import FlatParameters
from tests.learners.plain_networks import (
    CLOSE,
    SEEDS,
    Minibatches,
    compare_weights,
    plain_actor,
    plain_constants,
    plain_critic,
)

UPDATES = 20
KINDS = [Finetune, ExperienceReplay, DualBehaviourCloning]


def plain(training: TaskTraining, member: int, replay_weight: float) -> TD3BC:
    """The plain agent with the weights that `member` has now."""
    s, kind = training.context.settings, type(training.learner)
    constants = replace(plain_constants(s), replay_weight=replay_weight)
    networks = {
        name: plain_actor(flat.views, member, s)
        for name, flat in training.state.networks.items()
    }
    critic = plain_critic(training.state.critic.views, member, s)
    if kind is DualBehaviourCloning:
        return PlainDBC(
            networks["task"],
            critic,
            networks["continual"],
            training.context.task,
            constants,
        )
    return (TD3BC if kind is Finetune else PlainER)(
        networks["policy"], critic, training.context.task, constants
    )


def watch(agent: TD3BC) -> list[Tensor]:
    """Collects the mean of every Q_1(s, pi(s)) that the agent computes from now on."""
    seen: list[Tensor] = []
    ask = agent.critic.first

    def asked(state: Tensor, action: Tensor) -> Tensor:
        value = ask(state, action)
        seen.append(value.detach().mean())
        return value

    agent.critic.first = asked  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize(
    ("kind", "task", "change", "options"),
    [(kind, task, {}, {}) for kind in KINDS for task in (1, 2, 3)]
    + [
        (DualBehaviourCloning, 2, {}, {"trunk_start": "self"}),
        (DualBehaviourCloning, 2, {}, {"trunk_start": "fresh"}),
        (
            DualBehaviourCloning,
            2,
            {"policy_delay": 3, "alpha": 1.0, "target_noise_clip": 0.1},
            {"replay_weight": 0.3},
        ),
        (ExperienceReplay, 3, {}, {"replay_weight": 0.3}),
        (
            DualBehaviourCloning,
            3,
            {"batch_size": 13, "hidden": (11, 7)},
            {},
        ),  # batches are padded
        (Finetune, 2, {"critic_norm": "layer"}, {}),
        (
            DualBehaviourCloning,
            3,
            {"critic_norm": "layer", "batch_size": 13, "hidden": (11, 7)},
            {},
        ),
        (Finetune, 2, {"base": "bc"}, {}),
        (DualBehaviourCloning, 2, {"base": "bc"}, {}),
    ],
)
def test_losses_targets_and_parameters_are_those_of_plain_networks(
    tasks: Any,
    kind: type[Learner],
    task: int,
    change: dict[str, Any],
    options: dict[str, Any],
) -> None:
    training = tasks.learner(
        kind, task, SEEDS, replace(tasks.settings, **change), **options
    )
    agents = [
        plain(training, m, options.get("replay_weight", 1.0)) for m in range(len(SEEDS))
    ]
    values = [watch(agent) for agent in agents]
    batches = Minibatches(tasks, training)
    for _ in range(UPDATES):
        draws, losses = batches.draw(), training.block(1)
        for m, agent in enumerate(agents):
            wanted = agent.update(
                batches.batch(draws, m), draws.noise[0, m], batches.replayed(draws, m)
            )
            if "value" in wanted:
                wanted["q"] = values[m][-1]
            assert wanted.keys() == losses.keys()
            for name, loss in wanted.items():
                torch.testing.assert_close(
                    losses[name][m],
                    loss,
                    **CLOSE,
                    msg=lambda text, n=name: f"{n}: {text}",
                )
            compare_gradients(training, agent, m)
    last = batches.draw()
    for m, agent in enumerate(agents):
        compare_targets(training, agent, batches.batch(last, m), last, m)
        compare_networks(training, agent, m)


@pytest.mark.parametrize("delay", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_block_is_as_many_updates_of_plain_networks(
    tasks: Any, kind: type[Learner], delay: int
) -> None:
    """Updates between two moves of the targets share one pass through them."""
    training = tasks.learner(
        kind, 2, SEEDS, replace(tasks.settings, policy_delay=delay)
    )
    agents = [plain(training, m, 1.0) for m in range(len(SEEDS))]
    batches = Minibatches(tasks, training)
    for length in (7, 6, 4):
        draws = batches.draw(length)
        training.block(length)
        for k in range(length):
            for m, agent in enumerate(agents):
                one = draws.part(k, 1)
                agent.update(
                    batches.batch(one, m), one.noise[0, m], batches.replayed(one, m)
                )
    for m, agent in enumerate(agents):
        compare_networks(training, agent, m)


def compare_gradients(training: TaskTraining, agent: TD3BC, member: int) -> None:
    """Adam does not mind their scale, so that weights alone would not show it."""
    s = training.context.settings

    def compare(found: nn.Module, wanted: nn.Module) -> None:
        for (name, p), (_, q) in zip(
            found.named_parameters(), wanted.named_parameters(), strict=True
        ):
            gradient = torch.zeros_like(q) if q.grad is None else q.grad
            torch.testing.assert_close(
                p.data, gradient, **CLOSE, msg=lambda text, n=name: f"{n}: {text}"
            )

    def gradients(network: FlatParameters) -> Mapping[str, Tensor]:
        return network.unflatten(network.gradient)

    if (
        training.updates % s.policy_delay
    ):  # else the plain critic's are those of the policy's loss as well
        if s.base == "td3bc":
            compare(
                plain_critic(gradients(training.state.critic), member, s), agent.critic
            )
        return
    compare(
        plain_actor(
            gradients(training.state.networks[training.learner.learning]), member, s
        ),
        agent.actor,
    )
    if isinstance(agent, PlainDBC):
        compare(
            plain_actor(gradients(training.state.networks["continual"]), member, s),
            agent.continual,
        )


def compare_targets(
    training: TaskTraining, agent: TD3BC, batch: PlainBatch, draws: Draws, member: int
) -> None:
    """y of a fresh minibatch under the target networks as they are now."""
    s, ours = training.context.settings, training.context.tables[0].take(draws.rows[0])
    proposed = policy.act(
        training.state.target_policy.constants,
        training.context.task,
        ours.next_observation,
    )
    action = actor_critic.smoothed_action(
        proposed, draws.noise[0], s.target_noise, s.target_noise_clip
    )
    value = actor_critic.twin_values(
        training.state.target_critic.constants,
        torch.cat((ours.next_observation, action), dim=-1),
    )
    y = actor_critic.bootstrapped_target(
        ours.reward, ours.continues, value.amin(dim=1), s.discount
    )
    torch.testing.assert_close(
        y[member], agent.target(batch, draws.noise[0, member])[:, 0], **CLOSE
    )


def compare_networks(training: TaskTraining, agent: TD3BC, member: int) -> None:
    s = training.context.settings
    compare_weights(
        plain_actor(
            training.state.networks[training.learner.learning].views, member, s
        ),
        agent.actor,
    )
    compare_weights(
        plain_actor(training.state.target_policy.views, member, s), agent.actor_target
    )
    compare_weights(plain_critic(training.state.critic.views, member, s), agent.critic)
    compare_weights(
        plain_critic(training.state.target_critic.views, member, s), agent.critic_target
    )
    if isinstance(agent, PlainDBC):
        compare_weights(
            plain_actor(training.state.networks["continual"].views, member, s),
            agent.continual,
        )


def test_a_timeout_bootstraps_and_a_terminal_state_does_not(tasks: Any) -> None:
    training = tasks.learner(Finetune)
    data = tasks.data(1)
    continues = (
        training.context.tables[0]
        .take(torch.arange(len(data))[None])
        .continues[0]
        .bool()
        .numpy()
    )
    assert data.timeout.any()
    assert data.terminal.any()
    np.testing.assert_array_equal(continues, ~data.terminal)
    y = actor_critic.bootstrapped_target(
        torch.ones(1, 2), torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]), 0.5
    )
    assert y.tolist() == [[2.5, 1.0]]


def test_policies_and_targets_move_at_every_second_update_only(tasks: Any) -> None:
    training = tasks.learner(DualBehaviourCloning, 2)
    watched = [
        *training.state.networks.values(),
        training.state.target_policy,
        training.state.target_critic,
    ]
    moved = []
    for _ in range(4):
        before = [w.buffer.clone() for w in watched]
        critic = training.state.critic.buffer.clone()
        training.block(1)
        assert not critic.equal(training.state.critic.buffer)
        moved.append(
            [not b.equal(w.buffer) for b, w in zip(before, watched, strict=True)]
        )
    assert moved == [[False] * 4, [True] * 4, [False] * 4, [True] * 4]
