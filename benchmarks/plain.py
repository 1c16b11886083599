"""TD3+BC, ER and DBC as published implementations write them: one network a module, one
optimiser a network, eager.

Nothing here is stacked, fused or shared with the package; it follows method, sections 2
to 4, word by word. The tests hold the package's learners against it, and
`td3bc_vs_plain_eager` measures what stacking is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss


class PlainBatch(NamedTuple):
    """A minibatch; observations are standardised already."""

    state: Tensor  # (B, D)
    action: Tensor  # (B, A)
    next_state: Tensor  # (B, D)
    reward: Tensor  # (B, 1)
    terminal: Tensor  # (B, 1)
    next_action: Tensor | None = None  # (B, A), for ReBRAC: the episode's next one
    has_next: Tensor | None = None  # (B, 1) 1 where there is one


Replayed = Sequence[tuple[Tensor, Tensor]]
"""Per old task, states (B, D) and target actions (B, A) from its buffer."""


@dataclass(frozen=True)
class Constants:
    """TD3+BC's, as in its paper."""

    learning_rate: float = 3e-4
    discount: float = 0.99
    polyak: float = 0.005
    policy_delay: int = 2
    target_noise: float = 0.2
    noise_clip: float = 0.5
    alpha: float = 2.5
    replay_weight: float = 1.0
    use_q: bool = True


def layers(sizes: Sequence[int], normalised: bool = False) -> list[nn.Module]:
    """Linear and ReLU in turn, layer normalisation between them where wanted, and a
    linear layer last."""
    *hidden, last = pairwise(sizes)
    parts: list[nn.Module] = []
    for inputs, outputs in hidden:
        parts.append(nn.Linear(inputs, outputs))
        if normalised:
            parts.append(nn.LayerNorm(outputs))
        parts.append(nn.ReLU())
    return [*parts, nn.Linear(*last)]


class Actor(nn.Module):
    """A trunk and one linear tanh head per task, numbered from 1."""

    def __init__(
        self,
        state: int,
        action: int,
        hidden: Sequence[int],
        tasks: Sequence[int] = (1,),
    ) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*layers((state, *hidden)), nn.ReLU())
        self.heads = nn.ModuleDict(
            {str(task): nn.Linear(hidden[-1], action) for task in tasks}
        )

    def forward(self, state: Tensor, task: int) -> Tensor:
        return torch.tanh(self.heads[str(task)](self.trunk(state)))


class Critic(nn.Module):
    """Twin Q networks."""

    def __init__(
        self, state: int, action: int, hidden: Sequence[int], normalised: bool = False
    ) -> None:
        super().__init__()
        self.q1 = nn.Sequential(*layers((state + action, *hidden, 1), normalised))
        self.q2 = nn.Sequential(*layers((state + action, *hidden, 1), normalised))

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([state, action], 1)
        return self.q1(both), self.q2(both)

    def first(self, state: Tensor, action: Tensor) -> Tensor:
        return self.q1(torch.cat([state, action], 1))


class TD3BC:
    """One agent on one task; without replay this is fine-tuning. `update` is one critic
    update."""

    def __init__(
        self,
        actor: Actor,
        critic: Critic,
        task: int = 1,
        constants: Constants | None = None,
    ) -> None:
        self.constants, self.task, self.updates = constants or Constants(), task, 0
        self.actor, self.actor_target = actor, deepcopy(actor)
        self.critic, self.critic_target = critic, deepcopy(critic)
        self.actor_optimizer = torch.optim.Adam(
            actor.parameters(), lr=self.constants.learning_rate
        )
        self.critic_optimizer = torch.optim.Adam(
            critic.parameters(), lr=self.constants.learning_rate
        )

    def update(
        self, batch: PlainBatch, noise: Tensor, replayed: Replayed = ()
    ) -> dict[str, Tensor]:
        """Critic always, actor and targets every `policy_delay`-th time; the losses,
        detached."""
        self.updates += 1
        losses: dict[str, Tensor] = {}
        if self.constants.use_q:
            losses["critic"] = self.update_critic(batch, noise)
        if self.updates % self.constants.policy_delay == 0:
            losses |= self.update_actor(batch, replayed)
            self.follow(self.critic, self.critic_target)
            self.follow(self.actor, self.actor_target)
        return {name: loss.detach() for name, loss in losses.items()}

    def target(self, batch: PlainBatch, noise: Tensor) -> Tensor:
        """y = r + gamma (1 - terminal) min_i Q'_i(s', clip(pi'(s') + eps, -1, 1))."""
        c = self.constants
        with torch.no_grad():
            q1, q2 = self.critic_target(
                batch.next_state, self.next_action(batch, noise)
            )
            return batch.reward + c.discount * (1 - batch.terminal) * torch.min(q1, q2)

    def next_action(self, batch: PlainBatch, noise: Tensor) -> Tensor:
        """The target policy's action, smoothed."""
        c = self.constants
        smoothing = (noise * c.target_noise).clamp(-c.noise_clip, c.noise_clip)
        return (self.actor_target(batch.next_state, self.task) + smoothing).clamp(-1, 1)

    def update_critic(self, batch: PlainBatch, noise: Tensor) -> Tensor:
        y = self.target(batch, noise)
        q1, q2 = self.critic(batch.state, batch.action)
        loss = mse_loss(q1, y) + mse_loss(q2, y)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        return loss

    def update_actor(self, batch: PlainBatch, replayed: Replayed) -> dict[str, Tensor]:
        losses = self.actor_losses(batch)
        self.actor_optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self.actor_optimizer.step()
        return losses

    def actor_losses(self, batch: PlainBatch) -> dict[str, Tensor]:
        """L_pi = - lambda_Q mean Q_1(s, pi(s)) + MSE(pi(s), a), in its two parts."""
        action = self.actor(batch.state, self.task)
        losses = {"behaviour": mse_loss(action, batch.action)}
        if self.constants.use_q:
            q = self.critic.first(batch.state, action)
            losses["value"] = -self.constants.alpha / q.abs().mean().detach() * q.mean()
        return losses

    def follow(self, online: nn.Module, target: nn.Module) -> None:
        """Polyak averaging, parameter by parameter."""
        tau = self.constants.polyak
        for p, p_target in zip(online.parameters(), target.parameters(), strict=True):
            p_target.data.copy_(tau * p.data + (1 - tau) * p_target.data)

    def replay_loss(self, actor: Actor, replayed: Replayed) -> Tensor:
        """(lambda / (n-1)) sum_{j<n} MSE_{B_j}(pi_j(s), a_hat)."""
        losses = [
            mse_loss(actor(state, j), wanted)
            for j, (state, wanted) in enumerate(replayed, start=1)
        ]
        return self.constants.replay_weight / len(losses) * torch.stack(losses).sum()


class PlainER(TD3BC):
    """L = L_pi(D_n) + replay loss, in the one policy."""

    def update_actor(self, batch: PlainBatch, replayed: Replayed) -> dict[str, Tensor]:
        losses = self.actor_losses(batch)
        if replayed:
            losses["replay"] = self.replay_loss(self.actor, replayed)
        self.actor_optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self.actor_optimizer.step()
        return losses


class PlainDBC(TD3BC):
    """The task policy learns by TD3+BC alone; the continual policy clones it and the
    buffers."""

    def __init__(
        self,
        actor: Actor,
        critic: Critic,
        continual: Actor,
        task: int = 1,
        constants: Constants | None = None,
    ) -> None:
        super().__init__(actor, critic, task, constants)
        self.continual = continual
        self.continual_optimizer = torch.optim.Adam(
            continual.parameters(), lr=self.constants.learning_rate
        )

    def update_actor(self, batch: PlainBatch, replayed: Replayed) -> dict[str, Tensor]:
        with torch.no_grad():
            wanted = self.actor(
                batch.state, self.task
            )  # before it moves: both update on the same batch
        losses = {"clone": mse_loss(self.continual(batch.state, self.task), wanted)}
        if replayed:
            losses["replay"] = self.replay_loss(self.continual, replayed)
        self.continual_optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self.continual_optimizer.step()
        return {**losses, **super().update_actor(batch, ())}


class PlainReBRAC(TD3BC):
    """ReBRAC: both networks are held to the data's actions."""

    actor_weight, critic_weight = 0.1, 0.01

    def target(self, batch: PlainBatch, noise: Tensor) -> Tensor:
        c = self.constants
        with torch.no_grad():
            next_action = self.next_action(batch, noise)
            q1, q2 = self.critic_target(batch.next_state, next_action)
            penalty = ((next_action - batch.next_action) ** 2).sum(
                1, keepdim=True
            ) * batch.has_next
            value = torch.min(q1, q2) - self.critic_weight * penalty
            return batch.reward + c.discount * (1 - batch.terminal) * value

    def actor_losses(self, batch: PlainBatch) -> dict[str, Tensor]:
        action = self.actor(batch.state, self.task)
        q = torch.min(*self.critic(batch.state, action))
        distance = ((action - batch.action) ** 2).sum(1).mean()
        return {
            "behaviour": self.actor_weight * distance,
            "value": -q.mean() / q.abs().mean().detach(),
        }


class PlainIQL(TD3BC):
    """IQL with a deterministic policy: values, then the policy, then critics and
    targets, at every update."""

    expectile, temperature = 0.7, 3.0

    def __init__(
        self,
        actor: Actor,
        critic: Critic,
        value: nn.Module,
        task: int = 1,
        constants: Constants | None = None,
    ) -> None:
        super().__init__(actor, critic, task, constants)
        self.value = value
        self.value_optimizer = torch.optim.Adam(
            value.parameters(), lr=self.constants.learning_rate
        )

    def update(
        self, batch: PlainBatch, noise: Tensor, replayed: Replayed = ()
    ) -> dict[str, Tensor]:
        c = self.constants
        with torch.no_grad():
            q_target = torch.min(*self.critic_target(batch.state, batch.action))
        advantage = q_target - self.value(batch.state)
        weight = torch.where(advantage < 0, 1 - self.expectile, self.expectile)
        value_loss = (weight.detach() * advantage**2).mean()
        self.value_optimizer.zero_grad()
        value_loss.backward()
        self.value_optimizer.step()
        with torch.no_grad():
            exponent = self.temperature * (q_target - self.value(batch.state))
            weight = torch.exp(exponent).clamp(max=100.0)
            y = batch.reward + c.discount * (1 - batch.terminal) * self.value(
                batch.next_state
            )
        actor_loss = (
            weight * (self.actor(batch.state, self.task) - batch.action) ** 2
        ).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()
        q1, q2 = self.critic(batch.state, batch.action)
        critic_loss = mse_loss(q1, y) + mse_loss(q2, y)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.critic_optimizer.step()
        self.follow(self.critic, self.critic_target)
        self.follow(self.actor, self.actor_target)
        losses = {
            "critic": critic_loss,
            "expectile": value_loss,
            "behaviour": actor_loss,
        }
        return {name: loss.detach() for name, loss in losses.items()}


class PlainReplay:
    """The data set in numpy, sampled and converted batch by batch."""

    def __init__(
        self, arrays: Sequence[np.ndarray], device: torch.device | str = "cpu"
    ) -> None:
        self.arrays, self.device = arrays, device

    def sample(self, batch_size: int) -> PlainBatch:
        index = np.random.randint(0, len(self.arrays[0]), size=batch_size)
        return PlainBatch(
            *(torch.FloatTensor(array[index]).to(self.device) for array in self.arrays)
        )
