"""Base learners: each against plain networks, under every learner, alone and among
others, replayed, resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.plain import PlainIQL
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.bases.built_in import BUILT_IN, built_in
from oer_pipeline.learners.bases.iql import IQL
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.bases.rebrac import ReBRAC
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import BaseView
from oer_pipeline.selection.request import requests_of
from oer_pipeline.selection.surprise import Surprise
from tests.learners.plain_networks import (
    CLOSE,
    SEEDS,
    Minibatches,
    compare_weights,
    plain_actor,
    plain_agent,
    plain_critic,
    plain_value,
    with_next,
)

VALUED = ["rebrac", "iql"]
Same = Callable[[Policies, Policies], bool]


@pytest.mark.parametrize(
    "change", [{}, {"critic_norm": "layer"}, {"batch_size": 13, "hidden": (11, 7)}]
)
@pytest.mark.parametrize("base", VALUED)
def test_updates_are_those_of_plain_networks(
    tasks: Any, base: str, change: dict[str, Any]
) -> None:
    training = tasks.learner(
        Finetune, 2, SEEDS, replace(tasks.settings, base=base, **change)
    )
    agents = [plain_agent(training, m) for m in range(len(SEEDS))]
    batches = Minibatches(tasks, training)
    for _ in range(20):
        draws, losses = batches.draw(), training.block(1)
        for m, agent in enumerate(agents):
            batch = with_next(batches.batch(draws, m), tasks, training, draws, m)
            wanted = agent.update(batch, draws.noise[0, m])
            assert wanted.keys() == losses.keys() - {"q"}
            for name, loss in wanted.items():
                torch.testing.assert_close(
                    losses[name][m],
                    loss,
                    **CLOSE,
                    msg=lambda text, n=name: f"{n}: {text}",
                )
    for m, agent in enumerate(agents):
        compare_weights(
            plain_actor(
                training.state.networks["policy"].views, m, training.context.settings
            ),
            agent.actor,
        )
        compare_weights(
            plain_critic(training.state.critic.views, m, training.context.settings),
            agent.critic,
        )
        compare_weights(
            plain_critic(
                training.state.target_critic.views, m, training.context.settings
            ),
            agent.critic_target,
        )
        if isinstance(agent, PlainIQL):
            compare_weights(plain_value(training, m), agent.value)


def test_rebracs_next_action_is_the_episodes_next(tasks: Any) -> None:
    """The penalty is 0 at the last row of an episode, whatever follows in the table."""
    data = tasks.data(1)
    columns = ReBRAC().further_columns(data)
    has_next = columns[:, -1].astype(bool)
    last = np.append(data.episode[1:] != data.episode[:-1], True)
    np.testing.assert_array_equal(has_next, ~last)
    np.testing.assert_array_equal(
        columns[:-1, :-1][has_next[:-1]], data.action[1:][has_next[:-1]]
    )


@pytest.mark.parametrize("base", VALUED)
def test_every_learner_works_on_every_base(
    tasks: Any, same: Same, base: str, configured: Any
) -> None:
    """Alone and among others the same, bit for bit, replayed as eager."""
    settings = replace(tasks.settings, base=base)
    kind, options = configured.kind, configured.options

    def trained(seeds: tuple[int, ...], replayed: bool) -> Policies:
        training: TaskTraining = tasks.learner(kind, 2, seeds, settings, **options)
        if replayed:
            training.capture_updates()
        training.block(9)
        training.block(6)
        return training.result()

    together = trained(SEEDS, False)
    assert same(trained(SEEDS, True), together)
    assert same(trained((SEEDS[1],), True), together.member(1))


@pytest.mark.parametrize("base", VALUED)
def test_an_interrupted_training_goes_on(tasks: Any, base: str) -> None:
    settings = replace(tasks.settings, base=base)
    whole, parts = (
        tasks.learner(DualBehaviourCloning, 2, SEEDS, settings) for _ in range(2)
    )
    whole.block(15)
    state = whole.state_dict()
    whole.block(10)
    parts.block(3)
    parts.load_state_dict(state, 15)
    parts.block(10)
    again = parts.state_dict()
    assert [
        name
        for name, tensor in whole.state_dict().items()
        if not tensor.equal(again[name])
    ] == []


def trained_member(tasks: Any, base: str) -> Any:
    """The first of the seeds after ten updates, with normalised critics."""
    settings = replace(tasks.settings, base=base, critic_norm="layer")
    training = tasks.learner(Finetune, 1, SEEDS, settings)
    training.block(10)
    return training.result().member(0)


@pytest.mark.parametrize("base", VALUED)
def test_selectors_can_ask_its_critics(tasks: Any, base: str) -> None:
    member, observation = trained_member(tasks, base), tasks.data(1).observation[:7]
    values = member.values_as_learned(observation, member.act_as_learned(observation))
    assert values.shape == (7,)
    assert np.isfinite(values).all()
    assert member.critic_features(observation).shape == (7, tasks.settings.hidden[-1])


@pytest.mark.parametrize("base", VALUED)
def test_surprise_chooses_what_its_critics_predict_worst(tasks: Any, base: str) -> None:
    member, data = trained_member(tasks, base), tasks.data(1)
    facts = {"horizon": 50, "distance_dimensions": [0]}
    asked = requests_of({0: member}, data, 5, None, facts, task=1, discount=0.9)
    then = member.act_as_learned(data.next_observation)
    future = 0.9 * member.values_as_learned(data.next_observation, then)
    wanted = data.rewards + np.where(data.terminal, 0.0, future)
    error = wanted - member.values_as_learned(data.observation, data.action)
    worst = np.argsort(-np.abs(error))[:5]
    assert set(Surprise().select(asked[0]).rows.tolist()) == set(worst.tolist())


@pytest.mark.parametrize("base", list(BUILT_IN))
def test_it_learns_what_the_data_pay_for(tasks: Any, base: str) -> None:
    """In task 1 the reward is 1 - s_0 a_0: cloning finds nothing, whoever reads the
    rewards moves a_0 against s_0."""
    settings = replace(
        tasks.settings,
        base=base,
        discount=0.0,
        batch_size=64,
        learning_rate=1e-3,
        updates=1_500,
    )
    training = tasks.learner(Finetune, 1, (0,), settings)
    training.block(1_500)
    observation = tasks.data(1).observation
    action = training.result().task_action(observation[None])[0]
    slope = np.corrcoef(observation[:, 0] - observation[:, 0].mean(), action[:, 0])[
        0, 1
    ]
    if base == "bc":
        assert abs(slope) < 0.6
    else:
        assert slope < -0.6


def test_a_base_of_ones_own_is_an_object(tasks: Any) -> None:
    class Standing(Base):
        def losses(
            self, training: BaseView, step: Any, action_FBA: Tensor
        ) -> dict[str, Tensor]:
            return {"still": training.per_member(action_FBA.square().mean(dim=(1, 2)))}

    training = TaskTraining(
        Finetune(), tasks.settings, tasks.data(1), (), None, SEEDS, base=Standing()
    )
    first = training.block(2)["still"]
    training.block(300)
    assert (training.block(2)["still"] < 0.2 * first).all()


def test_an_unknown_base_and_wrong_options_are_refused(tasks: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"learner\.base is 'td3'; .*td3bc"):
        built_in("td3")
    with pytest.raises(
        ConfigurationError,
        match=r"iql: expectile is 0.2; it has to be at least 0.5 and at most 1",
    ):
        IQL(expectile=0.2)
    with pytest.raises(ConfigurationError, match="rebrac: critic_weight is -1"):
        ReBRAC(critic_weight=-1)
