"""Stacked learners' weights and minibatches as plain networks see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.plain import (
    TD3BC,
    Actor,
    Constants,
    Critic,
    PlainBatch,
    PlainIQL,
    PlainReBRAC,
    layers,
)
from oer_pipeline.learners.batches import Draws
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.randomness import generators
from oer_pipeline.trajectories.table import Trajectories

SEEDS = (0, 1, 7)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
PURPOSES = ("batch", "target_noise", "replay")


def standardised(observation: np.ndarray, reference: Trajectories) -> Tensor:
    mean, std = (
        reference.observation.mean(0, dtype=np.float64),
        reference.observation.std(0, dtype=np.float64),
    )
    return torch.from_numpy(((observation - mean) / (std + 1e-3)).astype(np.float32))


def load(module: nn.Linear, weight_IO: Tensor, bias_1O: Tensor) -> None:
    module.load_state_dict(
        {"weight": weight_IO.detach().T, "bias": bias_1O.detach()[0]}
    )


def linears(module: nn.Module) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def plain_actor(
    parameters: Mapping[str, Tensor], member: int, settings: LearnerSettings
) -> Actor:
    heads = sorted(
        int(name.split(".")[1])
        for name in parameters
        if name.startswith("head") and name.endswith("weight")
    )
    actor = Actor(parameters["trunk.0.weight"].shape[1], 2, settings.hidden, heads)
    for i, layer in enumerate(linears(actor.trunk)):
        load(
            layer,
            parameters[f"trunk.{i}.weight"][member],
            parameters[f"trunk.{i}.bias"][member],
        )
    for task in heads:
        load(
            actor.heads[str(task)],
            parameters[f"head.{task}.weight"][member],
            parameters[f"head.{task}.bias"][member],
        )
    return actor


def plain_critic(
    parameters: Mapping[str, Tensor], member: int, settings: LearnerSettings
) -> Critic:
    critic = Critic(5, 2, settings.hidden, settings.critic_norm == "layer")
    for twin, network in enumerate((critic.q1, critic.q2)):
        row = 2 * member + twin
        for i, layer in enumerate(linears(network)):
            load(layer, parameters[f"{i}.weight"][row], parameters[f"{i}.bias"][row])
        norms = [
            layer for layer in network.modules() if isinstance(layer, nn.LayerNorm)
        ]
        for i, norm in enumerate(norms):
            scale, shift = (
                parameters[f"{i}.scale"][row, 0],
                parameters[f"{i}.shift"][row, 0],
            )
            norm.load_state_dict({"weight": scale.detach(), "bias": shift.detach()})
    return critic


def plain_value(training: TaskTraining, member: int) -> nn.Module:
    """IQL's V with the weights that `member` has now."""
    [value] = training.base.networks()
    normalised = training.context.settings.critic_norm == "layer"
    network = nn.Sequential(
        *layers((5, *training.context.settings.hidden, 1), normalised)
    )
    for i, layer in enumerate(linears(network)):
        load(
            layer, value.views[f"{i}.weight"][member], value.views[f"{i}.bias"][member]
        )
    norms = [layer for layer in network if isinstance(layer, nn.LayerNorm)]
    for i, norm in enumerate(norms):
        scale, shift = (
            value.views[f"{i}.scale"][member, 0],
            value.views[f"{i}.shift"][member, 0],
        )
        norm.load_state_dict({"weight": scale.detach(), "bias": shift.detach()})
    return network


def plain_constants(s: LearnerSettings) -> Constants:
    """What the settings say, as the plain agent takes it."""
    return Constants(
        s.learning_rate,
        s.discount,
        s.polyak,
        s.policy_delay,
        s.target_noise,
        s.target_noise_clip,
        s.alpha,
        use_q=s.base != "bc",
    )


def plain_agent(
    training: TaskTraining, member: int, actor: Actor | None = None
) -> TD3BC:
    """The plain agent of the base in force, with the weights that `member` has now."""
    s = training.context.settings
    constants = plain_constants(s)
    if actor is None:
        actor = plain_actor(training.state.parameters("policy"), member, s)
    critic = plain_critic(training.state.critic.views, member, s)
    if s.base == "iql":
        return PlainIQL(
            actor,
            critic,
            plain_value(training, member),
            training.context.task,
            constants,
        )
    kind = PlainReBRAC if s.base == "rebrac" else TD3BC
    return kind(actor, critic, training.context.task, constants)


def with_next(
    batch: PlainBatch, tasks: Any, training: TaskTraining, draws: Draws, member: int
) -> PlainBatch:
    """The minibatch with the next actions of its rows."""
    data, rows = tasks.data(training.context.task), draws.rows[0, member].numpy()
    following = np.minimum(rows + 1, len(data) - 1)
    has_next = (following > rows) & (data.episode[following] == data.episode[rows])
    return batch._replace(
        next_action=torch.from_numpy(data.action[following]),
        has_next=torch.from_numpy(has_next[:, None].astype(np.float32)),
    )


class Minibatches:
    """What each member sees in each update, drawn from generators of the same key and
    gathered from the raw arrays."""

    def __init__(self, tasks: Any, training: TaskTraining) -> None:
        self._data, self._training = tasks.data(training.context.task), training
        self._old = [tasks.data(j) for j in range(1, training.context.task)]
        self._buffers = tasks.buffers(training.context.task, SEEDS)
        self._generators = {
            p: generators(p, SEEDS, training.context.task) for p in PURPOSES
        }

    def draw(self, updates: int = 1) -> Draws:
        training = self._training
        return Draws.of(
            updates,
            training.context.settings.batch_size,
            training.context.tables,
            training.replay,
            self._generators,
        )

    def batch(self, draws: Draws, member: int) -> PlainBatch:
        rows, data = draws.rows[0, member].numpy(), self._data
        return PlainBatch(
            standardised(data.observation[rows], data),
            torch.from_numpy(data.action[rows]),
            standardised(data.next_observation[rows], data),
            torch.from_numpy(data.reward[rows, None]),
            torch.from_numpy(data.terminal[rows, None].astype(np.float32)),
        )

    def replayed(self, draws: Draws, member: int) -> list[tuple[Tensor, Tensor]]:
        if draws.replay_rows is None:
            return []
        pairs = []
        for j, (old, by_member) in enumerate(
            zip(self._old, self._buffers, strict=True)
        ):
            rows, buffer = draws.replay_rows[0, j, member].numpy(), by_member[member]
            wanted = torch.from_numpy(buffer.target_action[rows])
            pairs.append((standardised(buffer.observation[rows], old), wanted))
        return pairs


def compare_weights(found: nn.Module, wanted: nn.Module) -> None:
    for (name, p), (_, q) in zip(
        found.named_parameters(), wanted.named_parameters(), strict=True
    ):
        torch.testing.assert_close(
            p, q, **CLOSE, msg=lambda text, name=name: f"{name}: {text}"
        )
