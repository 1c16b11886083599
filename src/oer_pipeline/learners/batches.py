"""A task's data and the replay buffers as device-resident tables, and the draws of a
block of updates.

A minibatch's way: `Draws.rows` says which rows of the table, `take` gathers them all in
one `Batch`, `Batch.split` gives each update's own, and a `Step` is what the losses see.

Shapes: N rows, M members, F members times the tasks learned at once, B batch, K updates
of a block, J old tasks, S rows of the largest buffer, D observation, A action, C
further columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.networks.policy import Standardiser
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

MANY_TIMES = 2
"""So often or more the rows of a small buffer come in a batch, on average."""


class Batch(NamedTuple):
    """A minibatch of standardised observations and the rest as recorded."""

    observation_action: Tensor  # (F, B, D + A): what a critic sees
    observation: Tensor  # (F, B, D) of it
    action: Tensor  # (F, B, A) of it
    next_observation: Tensor  # (F, B, D)
    reward: Tensor  # (F, B)
    continues: Tensor  # (F, B) 1 - terminal
    further: Tensor  # (F, B, C) what the base learner wants of each row beside them
    rows: Tensor  # (F, B) where they are in D_n

    def split(self, batches: int) -> list[Batch]:
        """So many minibatches that lie one after another."""
        columns = [column.chunk(batches, dim=1) for column in self]
        return [Batch(*parts) for parts in zip(*columns, strict=True)]


class ReplayBatch(NamedTuple):
    """One batch from every old task's buffer, tasks along J.

    Of small buffers, whose rows come many times each, it holds every row once and how
    often it came: the same loss from a fraction of the work.
    """

    observation: Tensor  # (J, M, R, D), R is B or the rows of the largest buffer
    target_action: Tensor  # (J, M, R, A)
    share: Tensor | None = None  # (J, M, R) of the batch; None: all rows the same


class Step(NamedTuple):
    """What one update of the policies sees."""

    batch: Batch  # of the task being learned
    replay: ReplayBatch | None = None  # of every old task, for learners that replay


@dataclass(frozen=True)
class TaskTable:
    """D_n, standardised with its head's statistics, on the device; shared by all
    members."""

    values: Tensor  # (N, 2 D + A + 2 + C)
    observation_size: int
    action_size: int

    @classmethod
    def of(
        cls,
        data: Trajectories,
        standardise: Standardiser,
        device: torch.device,
        further: FloatArray,
    ) -> TaskTable:
        """Gathering one row brings a whole transition and its further columns.

        The reward is NaN where the data have none: what is made of it spoils a training
        at once.

        Args:
            data: of the task, N rows.
            standardise: observations, with the statistics of the task's head.
            device: that the table lies on.
            further: what the base learner wants of each row, (N, C).
        """
        reward = data.reward
        if reward is None:
            reward = np.full(len(data), np.nan, np.float32)
        columns = (
            standardise(data.observation),
            data.action,
            standardise(data.next_observation),
            reward[:, None],
            1.0 - data.terminal[:, None],
            further,
        )
        values = np.concatenate(columns, axis=1, dtype=np.float32)
        return cls(
            values=torch.from_numpy(values).to(device),
            observation_size=data.observation.shape[1],
            action_size=data.action.shape[1],
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def observation(self) -> Tensor:
        """All observations, (N, D)."""
        return self.values[:, : self.observation_size]

    def take(self, rows_FB: Tensor) -> Batch:
        """The transitions in these rows."""
        picked = self.values.index_select(0, rows_FB.flatten())
        picked = picked.view(*rows_FB.shape, -1)
        observation_action_size = self.observation_size + self.action_size
        known = observation_action_size + self.observation_size + 2
        observation_action, next_observation, rest, further = torch.split(
            picked,
            [
                observation_action_size,
                self.observation_size,
                2,
                picked.shape[-1] - known,
            ],
            dim=-1,
        )
        observation, action = torch.split(
            observation_action,
            [self.observation_size, self.action_size],
            dim=-1,
        )
        return Batch(
            observation_action=observation_action,
            observation=observation,
            action=action,
            next_observation=next_observation,
            reward=rest[..., 0],
            continues=rest[..., 1],
            further=further,
            rows=rows_FB,
        )


@dataclass(frozen=True)
class ReplayTable:
    """The buffers of J old tasks for M members, each standardised with its own head's
    statistics."""

    values: Tensor  # (J, M, S, D + A)
    sizes: tuple[int, ...]  # rows in use per old task
    observation_size: int

    @classmethod
    def of(
        cls,
        buffers: Sequence[Sequence[ReplayBuffer]],
        standardisers: Sequence[Standardiser],
        device: torch.device,
    ) -> ReplayTable | None:
        """None without old tasks.

        Args:
            buffers: `buffers[j][m]` is member m's of old task j.
            standardisers: of the old tasks' heads, J.
            device: that the table lies on.

        Raises:
            DataError: members' buffers of one task differ in size.
        """
        if not buffers:
            return None
        tables: list[FloatArray] = []
        for members, standardise in zip(buffers, standardisers, strict=True):
            tables.append(_buffers_of_task(members, standardise, len(tables) + 1))
        sizes = tuple(table.shape[1] for table in tables)
        padded = []
        for table, size in zip(tables, sizes, strict=True):
            spare = max(sizes) - size
            padded.append(np.pad(table, ((0, 0), (0, spare), (0, 0))))
        values = np.stack(padded).astype(np.float32)
        return cls(
            values=torch.from_numpy(values).to(device),
            sizes=sizes,
            observation_size=buffers[0][0].observation.shape[1],
        )

    def take(self, rows_JMB: Tensor) -> ReplayBatch:
        """What is in these rows of each buffer."""
        share = None
        picked = self.values
        if MANY_TIMES * self.values.shape[2] <= rows_JMB.shape[2]:
            share = self._share(rows_JMB)
        else:
            picked = torch.take_along_dim(
                self.values,
                rows_JMB.unsqueeze(-1),
                dim=2,
            )
        action_size = picked.shape[-1] - self.observation_size
        observation, target_action = torch.split(
            picked,
            [self.observation_size, action_size],
            dim=-1,
        )
        return ReplayBatch(observation, target_action, share)

    def _share(self, rows_JMB: Tensor) -> Tensor:
        """How much of the batch each row of each buffer is, (J, M, S)."""
        counts_JMS = torch.zeros_like(self.values[..., 0])
        ones_JMB = torch.ones((), device=rows_JMB.device).expand(rows_JMB.shape)
        counts_JMS.scatter_add_(2, rows_JMB, ones_JMB)
        return counts_JMS.div_(rows_JMB.shape[2])


def _buffers_of_task(
    members: Sequence[ReplayBuffer], standardise: Standardiser, task: int
) -> FloatArray:
    """All members' buffers of one task, (M, rows, D + A)."""
    sizes = {len(buffer) for buffer in members}
    if len(sizes) > 1:
        raise DataError(
            f"buffers of task {task} have {sorted(sizes)} rows; those of all seeds have"
            " to be of one size"
        )
    tables = []
    for buffer in members:
        columns = (standardise(buffer.observation), buffer.target_action)
        tables.append(np.concatenate(columns, axis=1))
    return np.stack(tables)


def take(tables: Sequence[TaskTable], rows_KFB: Tensor) -> Batch:
    """K minibatches one after another, (F, K B).

    Args:
        tables: one per task learned now; each serves its own part of the folded
            members.
        rows_KFB: rows of those tables.
    """
    rows = rows_KFB.transpose(0, 1).flatten(1)
    batches = []
    for table, part in zip(tables, rows.chunk(len(tables)), strict=True):
        batches.append(table.take(part))
    if len(batches) == 1:
        return batches[0]
    columns = zip(*batches, strict=True)
    return Batch(*(torch.cat(parts) for parts in columns))


@dataclass(frozen=True)
class Draws:
    """All randomness of K updates, each member's from its own generators."""

    rows: Tensor  # (K, F, B) of the task's table
    noise: Tensor  # (K, F, B, A) standard normal
    replay_rows: Tensor | None  # (K, J, M, B) of the buffers

    @classmethod
    def of(
        cls,
        updates: int,
        batch_size: int,
        tables: Sequence[TaskTable],
        replay: ReplayTable | None,
        generators: Mapping[str, Sequence[torch.Generator]],
    ) -> Draws:
        """Draw for a number of updates.

        Args:
            updates: K.
            batch_size: B, of the task and of every old task's buffer.
            tables: of the tasks learned now, which all F draw from by task.
            replay: of the old tasks; None: nothing is replayed.
            generators: `batch` and `target_noise`, F each, and `replay`, M.
        """
        shape = (updates, batch_size)
        members = len(generators["batch"]) // len(tables)
        rows = []
        for number, generator in enumerate(generators["batch"]):
            table = tables[number // members]
            rows.append(_integers(len(table), shape, generator))
        noise = []
        for generator in generators["target_noise"]:
            noise.append(_normal((*shape, tables[0].action_size), generator))
        replay_rows = None
        if replay is not None:
            replay_rows = _replay_rows(replay.sizes, shape, generators["replay"])
        return cls(
            rows=torch.stack(rows, dim=1),
            noise=torch.stack(noise, dim=1),
            replay_rows=replay_rows,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, first: int, updates: int) -> Draws:
        """The draws of `updates` updates from the `first` on, sharing memory."""
        last = first + updates
        replay_rows = self.replay_rows
        if replay_rows is not None:
            replay_rows = replay_rows[first:last]
        return Draws(
            self.rows[first:last],
            self.noise[first:last],
            replay_rows,
        )

    def clone(self) -> Draws:
        """The same in other memory."""
        replay_rows = self.replay_rows
        if replay_rows is not None:
            replay_rows = replay_rows.clone()
        return Draws(self.rows.clone(), self.noise.clone(), replay_rows)

    def altered(self) -> Draws:
        """Other rows and other noise, as good as drawn."""
        replay_rows = self.replay_rows
        if replay_rows is not None:
            replay_rows = replay_rows // 2
        return Draws(self.rows // 2, -self.noise, replay_rows)

    def copy_(self, other: Draws) -> None:
        """Take over the values of as many draws."""
        self.rows.copy_(other.rows)
        self.noise.copy_(other.noise)
        if self.replay_rows is not None and other.replay_rows is not None:
            self.replay_rows.copy_(other.replay_rows)


def _integers(high: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """From 0 to below `high`."""
    return torch.randint(high, shape, generator=generator, device=generator.device)


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _replay_rows(
    sizes: Sequence[int],
    shape: tuple[int, int],
    generators: Sequence[torch.Generator],
) -> Tensor:
    """(K, J, M, B) of buffers of these sizes; a member draws for one task after
    another."""
    by_member = []
    for generator in generators:
        rows = [_integers(size, shape, generator) for size in sizes]
        by_member.append(torch.stack(rows, dim=1))
    return torch.stack(by_member, dim=2)
