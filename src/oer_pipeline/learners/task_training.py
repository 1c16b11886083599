"""One task's training for M members: TD3+BC's critics and schedule; the learner says
what the policies learn.

Shapes: M members, F = J M folded members (J tasks learned at once, task by task), B
batch, D observation, A action, K updates of a block, T = 2 twin critics.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from oer_pipeline.common.errors import OERError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners import answers, td3bc
from oer_pipeline.learners.bases.built_in import built_in
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.batches import Batch, Draws, ReplayTable, TaskTable, take
from oer_pipeline.learners.graphs import Graph
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner, Step
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.networks import policy
from oer_pipeline.networks.flat import Adam, FlatParameters, differentiate
from oer_pipeline.networks.policy import (
    SHARED,
    Standardiser,
    init_head,
    init_identity,
    init_trunk,
)
from oer_pipeline.networks.randomness import generators
from oer_pipeline.networks.stacked import Parameters, init_mlp
from oer_pipeline.networks.tape import NotTapeableError
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)

EXPLODED = 100.0
"""A mean Q value may be so many times the largest discounted return that the rewards
allow, or 1 where that is less: an untrained critic's values know nothing of rewards."""


class DivergedError(OERError):
    """Training left the finite numbers, or the values that any return can have."""


class TaskTraining:
    """Trains the task after `previous`, or all tasks at once. `block(K)` performs K
    updates.

    Args:
        learner: what protects the old tasks; a new object for every task.
        settings: hyper-parameters.
        data: D_n, shared by all members; for a learner of all tasks `together`, one a
            task.
        buffers: `buffers[j][m]`, member m's buffer of old task j + 1; ignored unless
            the learner replays.
        previous: what the task before left behind, M members; None for the first task.
        seeds: one per member; all randomness is a function of (seed, task, purpose).
        device: where to train.
        graphs: capture updates once and replay them (CUDA graphs on a GPU, a tape of
            kernels on a CPU).
        base: how the task is learned; None: the one that `settings.base` names, with
            its own defaults.
    """

    def __init__(
        self,
        learner: Learner,
        settings: LearnerSettings,
        data: Trajectories | Sequence[Trajectories],
        buffers: Sequence[Sequence[ReplayBuffer]],
        previous: Policies | None,
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
        graphs: bool = False,
        base: Base | None = None,
    ) -> None:
        self.learner, self.settings, self.seeds, self.previous = (
            learner,
            settings,
            tuple(seeds),
            previous,
        )
        self.device, self._done, self._numbered = torch.device(device), 0, True
        self.base = base or built_in(settings.base)
        self._who, self._base_name = (
            answers.name_of(learner),
            answers.name_of(self.base),
        )
        self.policy_delay = self.base.policy_delay(settings)
        answers.check_delay(self._base_name, self.policy_delay)
        new = [data] if isinstance(data, Trajectories) else list(data)
        old = () if previous is None else previous.standardisers
        self.tasks = tuple(range(len(old) + 1, len(old) + len(new) + 1))
        self.standardisers = (*old, *_statistics(settings, new, old))
        self.tables = [
            TaskTable.of(d, s, self.device, self._further_columns(d))
            for d, s in zip(new, self.standardisers[len(old) :], strict=True)
        ]
        self._replay = (
            ReplayTable.of(buffers, old, self.device) if learner.replays else None
        )
        self._sizes = (new[0].observation.shape[1], new[0].action.shape[1])
        largest = max(_largest_reward(d, self.base.needs_rewards) for d in new)
        largest_return = largest / (1.0 - settings.discount + 1e-6)
        self._largest_value = EXPLODED * max(1.0, largest_return)
        self._start_draws()
        self.kept = (
            {}
            if previous is None
            else {n: t.to(self.device) for n, t in previous.kept.items()}
        )
        self.fixed: Parameters = {}
        self.owners: Parameters = {}
        networks = learner.networks(self)
        answers.check_networks(
            self._who, networks, len(self.seeds), (learner.learning, learner.deployed)
        )
        self.networks = {name: FlatParameters(p) for name, p in networks.items()}
        self._optimisers = {
            name: Adam(n, settings.learning_rate) for name, n in self.networks.items()
        }
        self.target_policy = self.networks[learner.learning].copy()
        self._start_critic()
        self.watched: dict[str, Tensor] = {}
        self._warned: set[tuple[str, int]] = set()
        self.base.start(self)
        learner.start(self)
        self._graph = Graph(self) if graphs else None

    # What learners use ----------------------------------------------------------------

    @property
    def task(self) -> int:
        """The number of the newest task, from 1."""
        return self.tasks[-1]

    @property
    def updates(self) -> int:
        """How many updates are done.

        Raises:
            NotTapeableError: a learner asks during an update that is captured.
        """
        if not self._numbered:
            raise NotTapeableError("an update asks for its number")
        return self._done

    @updates.setter
    def updates(self, done: int) -> None:
        self._done = done

    def parameters(self, network: str) -> Parameters:
        """A network's parameters, those included that are not trained."""
        return {**self.fixed, **self.networks[network].views}

    def restart_optimiser(self, network: str) -> None:
        """Forget the moments of a network's optimiser, in place."""
        self._optimisers[network].restart()

    def act(self, parameters: Mapping[str, Tensor], observation_FBD: Tensor) -> Tensor:
        """Actions (F, B, A) on the tasks being learned."""
        if len(self.tasks) == 1:
            return policy.act(parameters, self.task, observation_FBD)
        by_task = observation_FBD.view(
            len(self.tasks), -1, *observation_FBD.shape[1:]
        ).unbind()
        return torch.cat(policy.act_each(parameters, self.tasks, by_task))

    def base_losses(self, step: Step, action_FBA: Tensor) -> dict[str, Tensor]:
        """L_pi of the base learner in its parts, (M,), means over the tasks learned at
        once."""
        losses = self.base.losses(self, step, action_FBA)
        answers.check_losses(self._base_name, losses, len(self.seeds), "losses")
        return losses

    def continued(self, purpose: str) -> Parameters:
        """The deployed policy as the last task left it, with what the new tasks add to
        it."""
        parameters = {} if self.previous is None else self._here(self.previous.deployed)
        for task in self.tasks:
            parameters |= self.new_policy(purpose, parameters or None, task)
        return parameters

    def new_policy(
        self, purpose: str, start: Parameters | None, task: int | None = None
    ) -> Parameters:
        """A policy for one task: the trunk of `start` or a random one, and a random
        head.

        With a single head, the head of `start` too, and random weights for the task's
        one-hot input.
        """
        task = self.task if task is None else task
        own = generators(
            purpose, self.seeds, task
        )  # on the CPU: a seed's initial weights are the same everywhere
        (observation, action), hidden = self._sizes, self.settings.hidden
        single = self.settings.heads == "single"
        new = init_trunk(observation, hidden, own) | init_head(
            hidden[-1], action, SHARED if single else task, own
        )
        if start is not None:
            new |= {name: tensor for name, tensor in start.items() if name in new}
        return self._here(
            new | (init_identity(observation, hidden[0], task, own) if single else {})
        )

    # What bases use -------------------------------------------------------------------

    def new_values(
        self, purpose: str, each: int, with_action: bool = True
    ) -> Parameters:
        """`each` fresh networks per folded member, from observations (and actions) to a
        value."""
        observation, action = self._sizes
        inputs = observation + action if with_action else observation
        own = [g for task in self.tasks for g in generators(purpose, self.seeds, task)]
        members = [g for g in own for _ in range(each)]
        normalised = self.settings.critic_norm == "layer"
        return self._here(
            init_mlp((inputs, *self.settings.hidden, 1), members, normalised)
        )

    def target_policy_parameters(self) -> Parameters:
        """The target policy's parameters, those included that are not trained."""
        return {**self.fixed, **self.target_policy.constants}

    def descend_critic(self, input_FBI: Tensor, target_FB: Tensor) -> Tensor:
        """One step of both critics towards the targets; L_Q (M,)."""
        loss = td3bc.critic_loss(
            self.critic.constants, input_FBI, target_FB, self.critic.gradients
        )
        self._critic_optimiser.step()
        return self.per_member(loss)

    def per_member(self, loss_F: Tensor) -> Tensor:
        """The mean over tasks learned at once, (M,)."""
        return (
            loss_F
            if len(self.tasks) == 1
            else loss_F.view(len(self.tasks), -1).mean(dim=0)
        )

    # Training -------------------------------------------------------------------------

    @property
    def length(self) -> int:
        """How many updates the task takes."""
        return self.settings.updates + self.learner.extra_updates

    def block(self, updates: int) -> dict[str, Tensor]:
        """Perform `updates` updates; mean of each loss over the block, (M,), still on
        the device.

        Raises:
            DivergedError: a loss is not finite or the values explode; names task, seed
                and update.
            OERError: the task does not take so many updates.
        """
        if self.updates + updates > self.length:
            done = f"{self.updates} updates done, {updates} more asked for"
            raise OERError(
                f"task {self.task}: {done}; it takes {self.length} (learner.updates)"
            )
        draws = Draws.of(
            updates,
            self.settings.batch_size,
            self.tables,
            self._replay,
            self._generators,
        )
        means = _means(self._performed(draws))
        self._check(means)
        return means

    def _performed(self, draws: Draws) -> Iterator[dict[str, Tensor]]:
        """As `perform`, replayed where there is a graph; with the learner's pause."""
        perform = self.perform if self._graph is None else self._graph.perform
        pause = self.learner.pause_after(self)
        left = 0 if pause is None else pause - self._done
        if not 0 < left <= len(draws):
            yield from perform(draws)
            return
        yield from perform(draws.part(0, left))
        self.learner.on_pause(self)
        yield from perform(draws.part(left, len(draws) - left))

    def perform(self, draws: Draws) -> Iterator[dict[str, Tensor]]:
        """One update per draw, as they are asked for; the losses (M,) of each."""
        done = 0
        while done < len(draws):
            part = draws.part(done, self.with_same_targets(len(draws) - done))
            yield from (
                self._updates(part)
                if self._done < self.settings.updates
                else self._extra_updates(part)
            )
            done += len(part)

    def with_same_targets(self, most: int) -> int:
        """How many of the next updates, up to `most`, find the target networks as they
        are now."""
        left, delay = self.settings.updates - self._done, self.policy_delay
        return min(most, left, delay - self._done % delay) if left > 0 else most

    @contextmanager
    def without_number(self) -> Iterator[None]:
        """A context in which nobody may ask which update it is: one that is replayed is
        any."""
        self._numbered = False
        try:
            yield
        finally:
            self._numbered = True

    def result(self) -> Policies:
        """The policies as they stand, on the CPU, without gradients, and what the
        learner keeps for later tasks.

        Raises:
            DivergedError: weights are not finite; what the last update did, its losses
                did not show.
        """
        self._check_weights()
        learner, last_twins = self.learner, slice(-2 * len(self.seeds), None)
        return Policies(
            deployed=_settled(self.owners | self.parameters(learner.deployed)),
            task=(
                None
                if learner.learning == learner.deployed
                else _settled(self.parameters(learner.learning))
            ),
            critic=_settled(
                {name: view[last_twins] for name, view in self.critic.views.items()}
            ),
            standardisers=self.standardisers,
            kept=_settled(self._to_keep()),
        )

    def parameter_count(self) -> int:
        """Trained parameters of one member, critics included."""
        of_values = [self.critic] * 2 + self.base.networks()
        policies = sum(network.size for network in self.networks.values())
        return policies + len(self.tasks) * sum(network.size for network in of_values)

    # Checkpoints ----------------------------------------------------------------------

    def state(self) -> dict[str, Tensor]:
        """Everything that the next update depends on, but for the counter `updates` and
        what never changes."""
        drawn = {
            f"{p}.{i}": g.get_state()
            for p, own in self._generators.items()
            for i, g in enumerate(own)
        }
        return {
            name: tensor.cpu().clone() for name, tensor in self._tensors().items()
        } | drawn

    def load_state(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Go on where `state` was taken, after `updates` updates."""
        for name, tensor in self._tensors().items():
            tensor.copy_(state[name])
        for purpose, own in self._generators.items():
            for i, g in enumerate(own):
                g.set_state(state[f"{purpose}.{i}"])
        self.updates = updates

    def tensors_given(self) -> list[Tensor]:
        """Data and buffers."""
        return [
            *(table.rows for table in self.tables),
            *([self._replay.rows] if self._replay else []),
        ]

    def _tensors(self) -> dict[str, Tensor]:
        found = {
            "target_critic": self.target_critic.buffer,
            "target_policy": self.target_policy.buffer,
        }
        optimised = {"critic": (self.critic, self._critic_optimiser)}
        optimised |= {
            name: (network, self._optimisers[name])
            for name, network in self.networks.items()
        }
        for name, (network, optimiser) in optimised.items():
            found[name] = network.buffer
            found |= {
                f"{name}.adam_{part}": tensor
                for part, tensor in optimiser.state.items()
            }
        found |= {
            f"base.{name}": tensor for name, tensor in self.base.running().items()
        }
        return found | {
            f"learner.{name}": tensor for name, tensor in self.learner.running().items()
        }

    # ------------------------------------------------------------

    def _to_keep(self) -> Mapping[str, Tensor]:
        kept = self.learner.finish(self)
        answers.check_tensors(self._who, "finish", kept, len(self.seeds))
        return kept

    def _further_columns(self, data: Trajectories) -> FloatArray:
        columns = self.base.further_columns(data)
        answers.check_columns(self._base_name, columns, len(data))
        return columns

    def _start_draws(self) -> None:
        def of_each(purpose: str, tasks: Sequence[int]) -> list[torch.Generator]:
            return [
                g
                for task in tasks
                for g in generators(purpose, self.seeds, task, self.device)
            ]

        self._generators = {
            p: of_each(p, self.tasks) for p in ("batch", "target_noise")
        }
        self._generators["replay"] = of_each("replay", [self.task])

    def _start_critic(self) -> None:
        self.critic = FlatParameters(self.new_values("critic", 2))
        self.target_critic = self.critic.copy()
        self._critic_optimiser = Adam(self.critic, self.settings.learning_rate)

    def _updates(self, draws: Draws) -> Iterator[dict[str, Tensor]]:
        """Critics each time; policies and targets after the last, if it is a
        `policy_delay`-th update.

        The targets stand still until then, so all updates' target values come from one
        pass.
        """
        together = take(self.tables, draws.index)
        targets = self.base.targets(self, together, draws.noise)
        folded, batch_size = draws.index.shape[1:]
        answers.check_targets(self._base_name, targets, len(draws), folded, batch_size)
        for k, batch in enumerate(together.split(len(draws))):
            self._done += 1
            losses = self.base.update_values(self, batch, targets[k])
            answers.check_losses(
                self._base_name, losses, len(self.seeds), "update_values"
            )
            if self._done % self.policy_delay == 0:
                losses |= self._policy_update(self._step(draws, k, batch))
            yield losses

    def _extra_updates(self, draws: Draws) -> Iterator[dict[str, Tensor]]:
        """Of the deployed network alone."""
        for k, batch in enumerate(take(self.tables, draws.index).split(len(draws))):
            self._done += 1
            name, step = self.learner.deployed, self._step(draws, k, batch)
            losses = self.learner.extra_losses(self, step)
            answers.check_losses(self._who, losses, len(self.seeds), "extra_losses")
            answers.check_reached(self._who, losses)
            differentiate(list(losses.values()), [self.networks[name]])
            self._optimisers[name].step()
            yield {name: loss.detach() for name, loss in losses.items()}

    def _step(self, draws: Draws, k: int, batch: Batch) -> Step:
        replay = (
            None
            if self._replay is None or draws.replay is None
            else self._replay.take(draws.replay[k])
        )
        return Step(batch, draws.index[k], replay)

    def _policy_update(self, step: Step) -> dict[str, Tensor]:
        self.watched = {}
        losses = self.learner.losses(self, step)
        answers.check_losses(self._who, losses, len(self.seeds), "losses")
        answers.check_reached(self._who, losses)
        differentiate(list(losses.values()), list(self.networks.values()))
        self.learner.on_gradient(self, step)
        for optimiser in self._optimisers.values():
            optimiser.step()
        self.learner.after_update(self)
        self.target_critic.polyak_(self.critic, self.settings.polyak)
        self.target_policy.polyak_(
            self.networks[self.learner.learning], self.settings.polyak
        )
        return {name: loss.detach() for name, loss in (losses | self.watched).items()}

    def _here(self, parameters: Parameters) -> Parameters:
        return {name: tensor.to(self.device) for name, tensor in parameters.items()}

    def _check(self, means: Mapping[str, Tensor]) -> None:
        if (
            not means
        ):  # a block shorter than the policies' delay, of a learner without critics
            return
        finite = torch.stack(list(means.values())).isfinite().all(dim=0)
        bounded = means["q"].abs() <= self._largest_value if "q" in means else finite
        doubtful = [name for name in self.learner.ought_to_be_zero if name in means]
        zeros = [means[name] == 0.0 for name in doubtful]
        ok, small, *good = torch.stack(
            (finite, bounded, *zeros)
        ).tolist()  # the only wait for the device in a block
        for ok_M, what in (
            (ok, "not finite"),
            (small, f"finite, but mean Q is beyond {self._largest_value:.3g}"),
        ):
            if lost := [
                seed for seed, ok in zip(self.seeds, ok_M, strict=True) if not ok
            ]:
                odd = [
                    name
                    for name, mean in means.items()
                    if not bool(mean.isfinite().all())
                ]
                curves = f" (curves {', '.join(odd)})" if odd else ""
                raise DivergedError(
                    f"task {self.task}: the losses of seed(s) {lost} are {what}{curves}"
                    f" at update {self.updates}"
                )
        for name, good_M in zip(doubtful, good, strict=True):
            seeds = zip(self.seeds, good_M, strict=True)
            self._warn(name, [seed for seed, is_good in seeds if not is_good])

    def _check_weights(self) -> None:
        for name, network in self.networks.items():
            finite_M = network.buffer.isfinite().all(dim=1).tolist()
            if lost := [
                seed
                for seed, finite in zip(self.seeds, finite_M, strict=True)
                if not finite
            ]:
                what = f"the weights of seed(s) {lost} are not finite"
                raise DivergedError(
                    f"task {self.task}: {what} after update {self.updates} (network"
                    f" {name})"
                )

    def _warn(self, curve: str, seeds: Sequence[int]) -> None:
        """Say what a curve that is not 0 means, once a seed."""
        new = [seed for seed in seeds if (curve, seed) not in self._warned]
        self._warned.update((curve, seed) for seed in new)
        if new:
            what = self.learner.ought_to_be_zero[curve]
            logger.warning(
                "task %d: seed(s) %s, by update %d: %s (curve %s)",
                self.task,
                new,
                self.updates,
                what,
                curve,
            )


def _largest_reward(data: Trajectories, needed: bool) -> float:
    """The largest absolute reward; 0 where the data have none and none are needed.

    Raises:
        DataError: the data have none, and the base learner needs them.
    """
    rewards = data.rewards if needed else data.reward
    return 0.0 if rewards is None else float(abs(rewards).max())


def _statistics(
    settings: LearnerSettings, data: Sequence[Trajectories], old: Sequence[Standardiser]
) -> list[Standardiser]:
    """One standardiser a new task (method, section 2)."""
    if settings.statistics == "none":
        return [Standardiser.identity(d.observation.shape[1]) for d in data]
    if settings.statistics == "first":
        first = old[0] if old else Standardiser.of(data[0].observation)
        return [first for _ in data]
    return [Standardiser.of(d.observation) for d in data]


def _means(performed: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each loss over the updates that had it."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for losses in performed:
        for name, loss in losses.items():
            sums[name] = sums[name] + loss if name in sums else loss.clone()
            counts[name] = counts.get(name, 0) + 1
    return {name: total / counts[name] for name, total in sums.items()}


def _settled(parameters: Mapping[str, Tensor]) -> Parameters:
    return {name: tensor.detach().cpu().clone() for name, tensor in parameters.items()}
