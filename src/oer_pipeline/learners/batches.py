"""A task's data and the replay buffers as device-resident tables, and the draws of a
block of updates.

Shapes: N rows, M members, F members times the tasks learned at once, B batch, K updates
of a block, J old tasks, D observation, A action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.types import FloatArray
from oer_pipeline.networks.policy import Standardiser
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories


class Batch(NamedTuple):
    """A minibatch of standardised observations and the rest as recorded."""

    observation_action: Tensor  # (M, B, D + A): what a critic sees
    observation: Tensor  # (M, B, D) of it
    action: Tensor  # (M, B, A) of it
    next_observation: Tensor  # (M, B, D)
    reward: Tensor  # (M, B)
    continues: Tensor  # (M, B) 1 - terminal
    further: Tensor  # (M, B, C) what the base learner wants of each row beside them

    def split(self, batches: int) -> list[Batch]:
        """So many minibatches that lie one after another."""
        columns = (column.chunk(batches, dim=1) for column in self)
        return [Batch(*column) for column in zip(*columns, strict=True)]


class ReplayBatch(NamedTuple):
    """One batch from every old task's buffer, tasks along J."""

    observation: Tensor  # (J, M, B, D)
    target_action: Tensor  # (J, M, B, A)


@dataclass(frozen=True)
class TaskTable:
    """D_n, standardised with its head's statistics, on the device; shared by all
    members."""

    rows: Tensor  # (N, 2 D + A + 2 + C)
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
        """Gathering one row brings a whole transition, and the row's `further` columns
        (N, C).

        The reward is NaN where the data have none.
        """
        absent = np.full(
            len(data), np.nan, np.float32
        )  # what is made of it spoils a training at once
        reward = absent if data.reward is None else data.reward
        columns = (
            standardise(data.observation),
            data.action,
            standardise(data.next_observation),
            reward[:, None],
            1.0 - data.terminal[:, None],
            further,
        )
        table = np.concatenate(columns, axis=1, dtype=np.float32)
        return cls(
            torch.from_numpy(table).to(device),
            data.observation.shape[1],
            data.action.shape[1],
        )

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index_MB: Tensor) -> Batch:
        """The transitions at row numbers."""
        picked = self.rows.index_select(0, index_MB.flatten()).view(*index_MB.shape, -1)
        both_size = self.observation_size + self.action_size
        further_size = picked.shape[-1] - both_size - self.observation_size - 2
        sizes = [both_size, self.observation_size, 2, further_size]
        both, next_observation, rest, further = torch.split(picked, sizes, dim=-1)
        observation, action = torch.split(
            both, [self.observation_size, self.action_size], dim=-1
        )
        return Batch(
            both,
            observation,
            action,
            next_observation,
            rest[..., 0],
            rest[..., 1],
            further,
        )


@dataclass(frozen=True)
class ReplayTable:
    """The buffers of J old tasks for M members, each standardised with its own head's
    statistics."""

    rows: Tensor  # (J, M, S, D + A), S the largest buffer
    sizes: tuple[int, ...]  # rows in use per old task
    observation_size: int

    @classmethod
    def of(
        cls,
        buffers: Sequence[Sequence[ReplayBuffer]],
        standardisers: Sequence[Standardiser],
        device: torch.device,
    ) -> ReplayTable | None:
        """`buffers[j][m]` is member m's buffer of old task j; None without old tasks.

        Raises:
            ValueError: members' buffers of one task differ in size.
        """
        if not buffers:
            return None
        tables: list[FloatArray] = []
        for j, (members, standardise) in enumerate(
            zip(buffers, standardisers, strict=True), start=1
        ):
            sizes = {len(b) for b in members}
            if len(sizes) > 1:
                raise ValueError(
                    f"buffers of task {j} differ in size between members:"
                    f" {sorted(sizes)}"
                )
            tables.append(
                np.stack(
                    [
                        np.concatenate(
                            (standardise(b.observation), b.target_action), axis=1
                        )
                        for b in members
                    ]
                )
            )
        largest = max(t.shape[1] for t in tables)
        padded = [
            np.pad(t, ((0, 0), (0, largest - t.shape[1]), (0, 0))) for t in tables
        ]
        rows = torch.from_numpy(np.stack(padded).astype(np.float32)).to(device)
        return cls(
            rows, tuple(t.shape[1] for t in tables), buffers[0][0].observation.shape[1]
        )

    def take(self, index_JMB: Tensor) -> ReplayBatch:
        """Rows at (J, M, B) positions inside each buffer."""
        picked = torch.take_along_dim(self.rows, index_JMB.unsqueeze(-1), dim=2)
        width = picked.shape[-1] - self.observation_size
        observation, action = torch.split(
            picked, [self.observation_size, width], dim=-1
        )
        return ReplayBatch(observation, action)


def take(tables: Sequence[TaskTable], index_KFB: Tensor) -> Batch:
    """K minibatches one after another, (F, K B), of each table's rows for its own part
    of the folded members."""
    parts = index_KFB.transpose(0, 1).flatten(1).chunk(len(tables))
    taken = [table.take(own) for table, own in zip(tables, parts, strict=True)]
    return (
        taken[0]
        if len(taken) == 1
        else Batch(*(torch.cat(columns) for columns in zip(*taken, strict=True)))
    )


@dataclass(frozen=True)
class Draws:
    """All randomness of K updates, each member's from its own generators."""

    index: Tensor  # (K, F, B)
    noise: Tensor  # (K, F, B, A)
    replay: Tensor | None  # (K, J, M, B)

    @classmethod
    def of(
        cls,
        updates: int,
        batch_size: int,
        tables: Sequence[TaskTable],
        replay: ReplayTable | None,
        generators: Mapping[str, Sequence[torch.Generator]],
    ) -> Draws:
        """Draw for `updates` updates; `generators` holds `batch` and `target_noise`, F
        each, and `replay`, M."""
        shape, actions = (updates, batch_size), tables[0].action_size

        def integers(high: int, g: torch.Generator) -> Tensor:
            return torch.randint(high, shape, generator=g, device=g.device)

        members = len(generators["batch"]) // len(tables)
        index = [
            integers(len(tables[f // members]), g)
            for f, g in enumerate(generators["batch"])
        ]
        noise = [
            torch.randn((*shape, actions), generator=g, device=g.device)
            for g in generators["target_noise"]
        ]
        stacked = torch.stack(index, dim=1), torch.stack(noise, dim=1)
        if replay is None:
            return cls(*stacked, None)
        per_member = [
            torch.stack([integers(s, g) for s in replay.sizes], dim=1)
            for g in generators["replay"]
        ]
        return cls(*stacked, torch.stack(per_member, dim=2))

    def __len__(self) -> int:
        return len(self.index)

    def part(self, first: int, updates: int) -> Draws:
        """The draws of `updates` updates from the `first` on, sharing memory."""
        own = slice(first, first + updates)
        return Draws(
            self.index[own],
            self.noise[own],
            None if self.replay is None else self.replay[own],
        )

    def clone(self) -> Draws:
        """The same in memory of its own."""
        return Draws(
            self.index.clone(),
            self.noise.clone(),
            None if self.replay is None else self.replay.clone(),
        )

    def altered(self) -> Draws:
        """Other rows and other noise, as good as drawn."""
        replay = None if self.replay is None else self.replay // 2
        return Draws(self.index // 2, -self.noise, replay)

    def copy_(self, other: Draws) -> None:
        """Take over the values of as many draws."""
        self.index.copy_(other.index)
        self.noise.copy_(other.noise)
        if self.replay is not None and other.replay is not None:
            self.replay.copy_(other.replay)
