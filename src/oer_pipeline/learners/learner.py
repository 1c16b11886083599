"""One task's training for M members: TD3+BC's critics and schedule; subclasses say what the policies learn.

Shapes: M members, B batch, D observation, A action, T = 2 twin critics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from oer_pipeline.errors import OERError
from oer_pipeline.learners import td3bc
from oer_pipeline.learners.batches import Batch, Draws, ReplayBatch, ReplayTable, TaskTable
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.networks import policy as policies
from oer_pipeline.networks.flat import Adam, FlatParameters
from oer_pipeline.networks.policy import Standardiser, init_head, init_trunk
from oer_pipeline.networks.randomness import generators
from oer_pipeline.networks.stacked import Parameters, init_mlp
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories


class DivergedError(OERError):
    """Training left the finite numbers."""


class Learner(ABC):
    """Trains task n = previous.tasks + 1. `block(K)` performs K updates and returns their mean losses per member.

    Args:
        settings: hyper-parameters.
        data: D_n, shared by all members.
        buffers: `buffers[j][m]`, member m's buffer of old task j + 1; ignored unless `replays`.
        previous: what the task before left behind, M members; None for the first task.
        seeds: one per member; all randomness is a function of (seed, task, purpose).
        device: where to train.
    """

    replays: ClassVar[bool] = True
    """Whether the learner uses replay buffers."""
    learning: ClassVar[str] = "policy"
    """The network that learns the new task by TD3+BC."""

    def __init__(
        self,
        settings: LearnerSettings,
        data: Trajectories,
        buffers: Sequence[Sequence[ReplayBuffer]],
        previous: Policies | None,
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.seeds, self.updates = settings, tuple(seeds), 0
        self.device = torch.device(device)
        old = () if previous is None else previous.standardisers
        self.task = len(old) + 1
        self.standardisers = (*old, Standardiser.of(data.observation))
        self._table = TaskTable.of(data, self.standardisers[-1], self.device)
        self._replay = ReplayTable.of(buffers, old, self.device) if self.replays else None
        self._sizes = (data.observation.shape[1], data.action.shape[1])
        self._generators = {p: self._own(p) for p in ("batch", "target_noise", "replay")}
        self.networks = {name: FlatParameters(p) for name, p in self.start(previous).items()}
        self._target_policy = self.networks[self.learning].copy()
        self._start_critic()
        self._policy_optimiser = Adam(list(self.networks.values()), settings.learning_rate)

    # What a learner decides -------------------------------------------------------------------------------------

    @abstractmethod
    def start(self, previous: Policies | None) -> dict[str, Parameters]:
        """The trained policies at the task's start, by name, among them `learning`."""

    @abstractmethod
    def policy_losses(self, batch: Batch, replay: ReplayBatch | None) -> dict[str, Tensor]:
        """Named losses (M,) whose sum the policies descend."""

    @abstractmethod
    def deployed(self) -> tuple[Parameters, Parameters | None]:
        """The deployed policy and, if it is another one, the task policy."""

    # What learners share ----------------------------------------------------------------------------------------

    def block(self, updates: int) -> dict[str, Tensor]:
        """Perform `updates` updates; mean of each loss over the block, (M,), still on the device.

        Raises:
            DivergedError: a loss is not finite; names task, seed and update.
        """
        draws = Draws.of(updates, self.settings.batch_size, self._table, self._replay, self._generators)
        sums: dict[str, tuple[Tensor, int]] = {}
        for k in range(updates):
            for name, loss in self._update(draws, k).items():
                total, count = sums.get(name, (torch.zeros_like(loss), 0))
                sums[name] = (total + loss, count + 1)
        means = {name: total / count for name, (total, count) in sums.items()}
        self._check(means)
        return means

    def result(self) -> Policies:
        """The policies as they stand, on the CPU, without gradients."""
        deployed, task = self.deployed()

        def settled(parameters: Parameters) -> Parameters:
            return {name: tensor.detach().cpu().clone() for name, tensor in parameters.items()}

        return Policies(settled(deployed), task and settled(task), settled(self.critic.views), self.standardisers)

    def parameter_count(self) -> int:
        """Trained parameters of one member, critics included."""
        return sum(network.size for network in self.networks.values()) + 2 * self.critic.size

    def td3bc_losses(self, observation_MBD: Tensor, action_MBA: Tensor, wanted_MBA: Tensor) -> dict[str, Tensor]:
        """L_pi of method, section 2, in its two parts; the base learner `bc` leaves the value part out."""
        losses = {"behaviour": td3bc.cloning_loss(action_MBA, wanted_MBA)}
        if self.settings.base == "td3bc":
            value = td3bc.first_value(self.critic.detached(), observation_MBD, action_MBA)
            losses["value"] = td3bc.value_loss(value, self.settings.alpha)
        return losses

    def new_policy(self, purpose: str, trunk_of: Parameters | None) -> Parameters:
        """A policy with a random head for this task and the trunk of `trunk_of`, or a random one."""
        own = self._own(purpose)
        observation, action = self._sizes
        fresh = init_trunk(observation, self.settings.hidden, own)
        trunk = fresh if trunk_of is None else {name: trunk_of[name].to(self.device) for name in fresh}
        return {**trunk, **init_head(self.settings.hidden[-1], action, self.task, own)}

    def _own(self, purpose: str) -> list[torch.Generator]:
        return generators(purpose, self.seeds, self.task, self.device)

    def _start_critic(self) -> None:
        twins = [g for g in self._own("critic") for _ in range(2)]
        self.critic = FlatParameters(init_mlp((sum(self._sizes), *self.settings.hidden, 1), twins))
        self._target_critic = self.critic.copy()
        self._critic_optimiser = Adam([self.critic], self.settings.learning_rate)

    def _update(self, draws: Draws, k: int) -> dict[str, Tensor]:
        """The (updates + 1)-th update: critics always, policies and targets every `policy_delay`-th time."""
        self.updates += 1
        batch = self._table.take(draws.index[k])
        losses: dict[str, Tensor] = {}
        if self.settings.base == "td3bc":
            losses["critic"] = self._critic_update(batch, draws.noise[k])
        if self.updates % self.settings.policy_delay == 0:
            replay = None if self._replay is None or draws.replay is None else self._replay.take(draws.replay[k])
            parts = self.policy_losses(batch, replay)
            self._policy_optimiser.descend(torch.stack(list(parts.values())).sum())
            self._target_critic.polyak_(self.critic, self.settings.polyak)
            self._target_policy.polyak_(self.networks[self.learning], self.settings.polyak)
            losses.update({name: loss.detach() for name, loss in parts.items()})
        return losses

    def _critic_update(self, batch: Batch, noise_MBA: Tensor) -> Tensor:
        s = self.settings
        with torch.no_grad():
            proposed = policies.act(self._target_policy.detached(), self.task, batch.next_observation)
            action = td3bc.smoothed_action(proposed, noise_MBA, s.target_noise, s.target_noise_clip)
            value = td3bc.twin_values(self._target_critic.detached(), batch.next_observation, action)
            target = td3bc.bootstrapped_target(batch.reward, batch.continues, value, s.discount)
        loss = td3bc.critic_loss(td3bc.twin_values(self.critic.views, batch.observation, batch.action), target)
        self._critic_optimiser.descend(loss.sum())
        return loss.detach()

    def _check(self, means: Mapping[str, Tensor]) -> None:
        if not means:  # a block shorter than the policies' delay, of a learner without critics
            return
        finite = torch.stack(list(means.values())).isfinite().all(dim=0)
        if not bool(finite.all()):
            lost = [seed for seed, ok in zip(self.seeds, finite.tolist(), strict=True) if not ok]
            raise DivergedError(
                f"task {self.task}: the losses of seed(s) {lost} are not finite at update {self.updates}"
            )
