"""What a task's training starts from: its data, its place in the sequence, and the
fresh networks that this asks for. Nothing in it changes.

Shapes: M members, F = J M folded members (J tasks learned at once, task by task), B
batch, D observation, A action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.batches import TaskTable
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import (
    SHARED,
    Standardiser,
    init_head,
    init_identity,
    init_trunk,
)
from oer_pipeline.networks.randomness import generators
from oer_pipeline.networks.stacked import Parameters, init_mlp
from oer_pipeline.trajectories.table import Trajectories


@dataclass(frozen=True)
class TaskContext:
    """The facts of one task's training."""

    settings: LearnerSettings
    seeds: tuple[int, ...]  # one per member
    device: torch.device
    tasks: tuple[int, ...]  # numbers of those that are learned now, from 1
    tables: tuple[TaskTable, ...]  # their data, in the same order
    standardisers: tuple[Standardiser, ...]  # theirs, after those of all tasks before
    previous: Policies | None  # what the task before left behind

    @classmethod
    def of(
        cls,
        settings: LearnerSettings,
        seeds: Sequence[int],
        device: torch.device,
        data: Sequence[Trajectories],
        previous: Policies | None,
        further_columns: Callable[[Trajectories], FloatArray],
    ) -> TaskContext:
        """The context of the task after `previous`, or of several that are learned at
        once.

        Args:
            settings: of the learner.
            seeds: one per member, M.
            device: of tables and networks.
            data: of each task that is learned now, in order.
            previous: what the task before left behind; None for the first.
            further_columns: of a data set, (N, C), what the base learner wants of each
                row.

        Raises:
            DataError: data with other action bounds than +-1.
        """
        old = () if previous is None else previous.standardisers
        new = _statistics(settings, data, old)
        tables = []
        for of_task, standardiser in zip(data, new, strict=True):
            of_task.check_scaled()
            further = further_columns(of_task)
            tables.append(TaskTable.of(of_task, standardiser, device, further))
        first = len(old) + 1
        return cls(
            settings=settings,
            seeds=tuple(seeds),
            device=device,
            tasks=tuple(range(first, first + len(new))),
            tables=tuple(tables),
            standardisers=(*old, *new),
            previous=previous,
        )

    @property
    def task(self) -> int:
        """The number of the newest task, from 1."""
        return self.tasks[-1]

    @cached_property
    def kept(self) -> Parameters:
        """What the learner of the tasks before wanted to be kept, (M, ...) each."""
        if self.previous is None:
            return {}
        return self._here(self.previous.kept)

    def act(self, parameters: Mapping[str, Tensor], observation_FBD: Tensor) -> Tensor:
        """Actions (F, B, A) on the tasks being learned.

        Args:
            parameters: of a policy.
            observation_FBD: standardised.
        """
        tasks = len(self.tasks)
        if tasks == 1:
            return policy.act(parameters, self.task, observation_FBD)
        by_task = observation_FBD.view(tasks, -1, *observation_FBD.shape[1:])
        return torch.cat(policy.act_each(parameters, self.tasks, by_task.unbind()))

    def per_member(self, loss_F: Tensor) -> Tensor:
        """The mean over tasks learned at once, (M,)."""
        tasks = len(self.tasks)
        if tasks == 1:
            return loss_F
        return loss_F.view(tasks, -1).mean(dim=0)

    def continued(self, purpose: str) -> Parameters:
        """The deployed policy as the last task left it, with what the new tasks add to
        it.

        `purpose` names the random numbers that are drawn for the addition.
        """
        parameters: Parameters = {}
        if self.previous is not None:
            parameters = self._here(self.previous.deployed)
        for task in self.tasks:
            parameters |= self.new_policy(purpose, parameters or None, task)
        return parameters

    def new_policy(
        self,
        purpose: str,
        start: Parameters | None,
        task: int | None = None,
    ) -> Parameters:
        """A policy for one task: the trunk of `start` or a random one, and a random
        head.

        With a single head, the head of `start` too, and random weights for the task's
        one-hot input.

        Args:
            purpose: names the random numbers.
            start: parameters to go on from, as far as their names fit.
            task: its number; None: the newest.

        Raises:
            ConfigurationError: `start` has other sizes.
        """
        if task is None:
            task = self.task
        table = self.tables[0]
        hidden = self.settings.hidden
        single = self.settings.heads == "single"
        head = SHARED if single else task
        # on the CPU: a seed's initial weights are the same everywhere
        draws = generators(purpose, self.seeds, task)
        new = init_trunk(table.observation_size, hidden, draws)
        new |= init_head(
            hidden[-1],
            table.action_size,
            head,
            draws,
        )
        for name, tensor in (start or {}).items():
            if name in new:
                _check_fits(name, tensor, new[name])
                new[name] = tensor
        if single:
            new |= init_identity(
                table.observation_size,
                hidden[0],
                task,
                draws,
            )
        return self._here(new)

    def new_values(
        self,
        purpose: str,
        each: int,
        with_action: bool = True,
    ) -> Parameters:
        """`each` fresh networks per folded member, from observations (and actions) to a
        value; `purpose` names the random numbers."""
        table = self.tables[0]
        inputs = table.observation_size
        if with_action:
            inputs += table.action_size
        draws = []
        for task in self.tasks:
            for generator in generators(purpose, self.seeds, task):
                draws += [generator] * each
        sizes = (inputs, *self.settings.hidden, 1)
        normalised = self.settings.critic_norm == "layer"
        return self._here(init_mlp(sizes, draws, normalised))

    def _here(self, parameters: Mapping[str, Tensor]) -> Parameters:
        return {name: tensor.to(self.device) for name, tensor in parameters.items()}


def _statistics(
    settings: LearnerSettings, data: Sequence[Trajectories], old: Sequence[Standardiser]
) -> list[Standardiser]:
    """One standardiser per new task (method, section 2)."""
    if settings.statistics == "first" and old:
        return [old[0]] * len(data)
    if settings.statistics == "first":
        return [Standardiser.of(data[0].observation)] * len(data)
    if settings.statistics == "none":
        return [Standardiser.identity(d.observation.shape[1]) for d in data]
    return [Standardiser.of(d.observation) for d in data]


def _check_fits(name: str, known: Tensor, new: Tensor) -> None:
    """Refuse to go on from a policy of other sizes.

    Raises:
        ConfigurationError: names the tensor and both shapes.
    """
    if known.shape != new.shape:
        raise ConfigurationError(
            f"the policy before has {name} of shape {tuple(known.shape)}, and this task"
            f" takes {tuple(new.shape)}; data, seeds and learner.hidden have to fit"
        )
