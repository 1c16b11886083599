"""One task's training for M members: a base learner says how the task is learned, a
learner what protects the old ones.

What it is made of: `context`, the facts; `state`, what updates change; `Updates`, the
update rule; `CapturedUpdates`, the same from a capture; `CheckpointState`, what a
checkpoint holds; `Watch`, what finds that it diverges.

Shapes: M members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError, DataError, OERError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners import answers
from oer_pipeline.learners.bases.built_in import built_in
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.batches import Draws, ReplayTable, Step
from oer_pipeline.learners.captured_updates import Capture, CapturedUpdates
from oer_pipeline.learners.checkpoint_state import CheckpointState
from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.divergence import Watch
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.state import TrainingState
from oer_pipeline.learners.updates import Updates
from oer_pipeline.learners.view import BaseView, LearnerView, Losses
from oer_pipeline.networks.capture.interface import captured
from oer_pipeline.networks.stacked import Parameters
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories


class TaskTraining:
    """Trains the task after `previous`, or all tasks at once. `block(K)` performs K
    updates.

    Args:
        learner: what protects the old tasks; a new object for every task.
        settings: hyper-parameters.
        data: D_n, shared by all members; for a learner of all tasks `together`, one per
            task.
        buffers: `buffers[j][m]`, member m's buffer of old task j + 1; ignored unless
            the learner replays.
        previous: what the task before left behind, M members; None for the first task.
        seeds: one per member; all randomness is a function of (seed, task, purpose).
        device: where to train.
        graphs: capture updates once and replay them (CUDA graphs on a GPU, a tape of
            kernels on a CPU).
        base: how the task is learned; None: the one that `settings.base` names, with
            its defaults.
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
        self.learner = learner
        self.base = base or built_in(settings.base)
        base_name = answers.name_of(self.base)
        answers.check_delay(base_name, self.base.policy_delay(settings))
        new = [data] if isinstance(data, Trajectories) else list(data)
        _check_together(learner, len(new))
        self.context = TaskContext.of(
            settings,
            seeds,
            torch.device(device),
            new,
            previous,
            self._further_columns,
        )
        self.replay = _replay_table(learner, buffers, self.context)
        self._watch = Watch(
            self.context.task,
            self.context.seeds,
            _largest_reward(new, self.base.needs_rewards),
            settings.discount,
            learner.ought_to_be_zero,
        )
        networks = learner.networks(self.context)
        answers.check_networks(
            answers.name_of(learner),
            networks,
            len(self.context.seeds),
            needed=(learner.learning, learner.deployed),
        )
        self.state = TrainingState(self.context, networks, learner.learning)
        self.base_view = BaseView(self.context, self.state)
        self.view = LearnerView(self.context, self.state, self._base_losses)
        self.base.start(self.base_view)
        learner.start(self.view)
        self._checkpoint = CheckpointState(self.state, learner, self.base)
        self._rule = Updates(
            learner,
            self.base,
            self.state,
            self.view,
            self.base_view,
            self.replay,
        )
        self.captured: CapturedUpdates | None = None
        if graphs:
            self.capture_updates()

    @property
    def updates(self) -> int:
        """How many updates are done."""
        return self.state.updates

    @property
    def length(self) -> int:
        """How many updates the task takes."""
        return self.context.settings.updates + self.learner.extra_updates

    def capture_updates(self, capture: Capture = captured) -> None:
        """Capture updates once and replay them from now on."""
        self.captured = CapturedUpdates(
            self._rule,
            self.context.settings.updates,
            self.state,
            self._checkpoint,
            self.context.device,
            type(self.learner).__name__,
            capture,
        )

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
            raise OERError(f"task {self.context.task}: {done}; it takes {self.length}")
        means = _means(self._performed(self.draw(updates)))
        self._watch.check(means, self.state)
        return means

    def draw(self, updates: int) -> Draws:
        """The draws of the next updates."""
        return Draws.of(
            updates,
            self.context.settings.batch_size,
            self.context.tables,
            self.replay,
            self.state.generators,
        )

    def _performed(self, draws: Draws) -> Iterator[Losses]:
        """All updates, replayed where they are captured; with the learner's pause."""
        perform = self._rule.perform
        if self.captured is not None:
            perform = self.captured.perform
        pause = self.learner.pause_after(self.view)
        left = 0 if pause is None else pause - self.updates
        if not 0 < left <= len(draws):
            yield from perform(draws)
            return
        yield from perform(draws.part(0, left))
        self.learner.on_pause(self.view)
        yield from perform(draws.part(left, len(draws) - left))

    def result(self) -> Policies:
        """The policies as they stand, on the CPU, without gradients, and what the
        learner keeps for later tasks.

        Raises:
            DivergedError: weights are not finite; what the last update did, its losses
                did not show.
        """
        self._watch.check_weights(self.state)
        learner = self.learner
        members = len(self.context.seeds)
        deployed = learner.owners() | self.state.parameters(learner.deployed)
        task = None
        if learner.learning != learner.deployed:
            task = _settled(self.state.parameters(learner.learning))
        critic: Parameters = {}
        for name, view in self.state.critic.views.items():
            critic[name] = view[-2 * members :]  # of the newest task
        kept = learner.finish(self.view)
        answers.check_tensors(
            answers.name_of(learner),
            "finish",
            kept,
            members,
        )
        return Policies(
            deployed=_settled(deployed),
            task=task,
            critic=_settled(critic),
            standardisers=self.context.standardisers,
            kept=_settled(kept),
        )

    def parameter_count(self) -> int:
        """Trained parameters of one member, critics included."""
        policies = sum(network.size for network in self.state.networks.values())
        values = 2 * self.state.critic.size
        for network in self.base.networks():
            values += network.size
        return policies + len(self.context.tasks) * values

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that the next update depends on, but for the counter `updates` and
        what never changes, as copies on the CPU."""
        return self._checkpoint.take()

    def load_state_dict(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Go on where `state` was taken, after `updates` updates."""
        self._checkpoint.put_back(state)
        self.state.updates = updates

    def constants(self) -> list[Tensor]:
        """Data and buffers, as updates read them."""
        tensors = [table.values for table in self.context.tables]
        if self.replay is not None:
            tensors.append(self.replay.values)
        return tensors

    def _further_columns(self, data: Trajectories) -> FloatArray:
        columns = self.base.further_columns(data)
        answers.check_columns(
            answers.name_of(self.base),
            columns,
            len(data),
        )
        return columns

    def _base_losses(self, step: Step, action_FBA: Tensor) -> Losses:
        losses = self.base.losses(self.base_view, step, action_FBA)
        who = answers.name_of(self.base)
        answers.check_losses(
            who,
            losses,
            len(self.context.seeds),
            "losses",
        )
        return losses


def _check_together(learner: Learner, tasks: int) -> None:
    """Refuse several tasks' data where a learner takes one task after the other, and
    none.

    Raises:
        ConfigurationError: names the learner and how many there are.
    """
    if tasks != 1 and not (tasks and learner.together):
        raise ConfigurationError(
            f"{answers.name_of(learner)} learns one task after the other, but was given"
            f" the data of {tasks}; it takes one data set"
        )


def _replay_table(
    learner: Learner,
    buffers: Sequence[Sequence[ReplayBuffer]],
    context: TaskContext,
) -> ReplayTable | None:
    """The buffers of all old tasks, for a learner that replays.

    Raises:
        DataError: there is not one per old task and member.
    """
    if not learner.replays:
        return None
    old = context.standardisers[: -len(context.tasks)]
    wanted = [len(context.seeds)] * len(old)
    found = [len(of_members) for of_members in buffers]
    if found != wanted:
        raise DataError(
            f"task {context.task}: {answers.name_of(learner)} replays; the old tasks'"
            f" numbers of buffers are {found}, but have to be {wanted}, one per seed"
        )
    return ReplayTable.of(buffers, old, context.device)


def _largest_reward(data: Sequence[Trajectories], needed: bool) -> float:
    """The largest absolute reward; 0 where the data have none and none are needed.

    Raises:
        DataError: the data have none, and the base learner needs them.
    """
    largest = 0.0
    for of_task in data:
        rewards = of_task.rewards if needed else of_task.reward
        if rewards is not None:
            largest = max(largest, float(abs(rewards).max()))
    return largest


def _means(performed: Iterable[Losses]) -> dict[str, Tensor]:
    """The mean of each loss over the updates that had it."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for losses in performed:
        for name, loss in losses.items():
            if name in sums:
                sums[name] = sums[name] + loss
                counts[name] += 1
            else:
                sums[name] = loss.clone()
                counts[name] = 1
    return {name: total / counts[name] for name, total in sums.items()}


def _settled(parameters: Mapping[str, Tensor]) -> Parameters:
    return {name: tensor.detach().cpu().clone() for name, tensor in parameters.items()}
