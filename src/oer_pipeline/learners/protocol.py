"""How a continual learner protects what it knows: the places in a task's training where
it may step in.

Shapes: M members, F = J M folded members (J tasks learned at once, 1 but for
multitask), B batch, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from torch import Tensor

from oer_pipeline.learners.batches import Batch, ReplayBatch
from oer_pipeline.networks.stacked import Parameters

if TYPE_CHECKING:
    from oer_pipeline.learners.task_training import TaskTraining


class Step(NamedTuple):
    """What one policy update sees."""

    batch: Batch  # of the task being learned, (F, B, .)
    rows: Tensor  # (F, B): where the batch is in D_n
    replay: (
        ReplayBatch | None
    )  # one batch of every old task's buffer, for learners that replay


class Learner:
    """Learns the new task by TD3+BC and protects nothing; subclasses override what they
    do differently.

    One object serves one task: `networks`, `start`, then for every policy update
    `losses`, `on_gradient` and `after_update`, then `finish`; in between, where
    `pause_after` says so, `on_pause`. What outlives the task is what `finish` returns;
    the next task finds it in `training.kept`. Hooks do tensor work only, the same in
    every update, and change in place what they keep, also what only `finish` reads:
    updates are captured once and replayed. Options of a subclass are the arguments of
    its `__init__`.
    """

    replays: bool = False
    """Whether it wants a batch of every old task's buffer in each policy update."""
    together: bool = False
    """Whether it learns all tasks at once instead of one after the other."""
    needs_rewards: bool = False
    """Whether it asks for rewards itself, whatever the base learner asks for."""
    learning: str = "policy"
    """The network that learns the new task by TD3+BC."""
    deployed: str = "policy"
    """The network that is deployed."""
    extra_updates: int = 0
    """Updates of the deployed network alone after the others."""
    ought_to_be_zero: ClassVar[Mapping[str, str]] = {}
    """Curves of which training warns where they are not 0: name -> what that means."""

    def networks(self, training: TaskTraining) -> dict[str, Parameters]:
        """At the task's start: the networks to train, by name. What they use but do not
        train: `training.fixed`."""
        return {"policy": training.continued("policy")}

    def start(self, training: TaskTraining) -> None:
        """At the task's start, once the networks are there.

        Where weights have owners (`networks.policy`), `training.owners` are their
        numbers by name, (M, ...) each: stored with what is deployed, not looked at
        here.
        """

    def losses(self, training: TaskTraining, step: Step) -> dict[str, Tensor]:
        """Named losses (M,) whose sum the networks descend."""
        return training.base_losses(
            step, training.act(training.parameters("policy"), step.batch.observation)
        )

    def extra_losses(self, training: TaskTraining, step: Step) -> dict[str, Tensor]:
        """What the deployed network descends in the extra updates."""
        raise NotImplementedError

    def on_gradient(self, training: TaskTraining, step: Step) -> None:
        """Change `training.networks[...].gradient` (M, P) in place, before the
        optimiser steps."""

    def after_update(self, training: TaskTraining) -> None:
        """After the optimiser stepped."""

    def pause_after(self, training: TaskTraining) -> int | None:
        """After which update (from 1) `on_pause` comes; None: never."""
        return None

    def on_pause(self, training: TaskTraining) -> None:
        """Once, between two updates: no part of what is replayed.

        It may ask for values; what it changes, it changes in place.
        """

    def running(self) -> dict[str, Tensor]:
        """Tensors that change during the task, for checkpoints; restored by copying
        into them."""
        return {}

    def finish(self, training: TaskTraining) -> dict[str, Tensor]:
        """At the task's end: what to keep for later tasks, (M, ...) each."""
        return {}
