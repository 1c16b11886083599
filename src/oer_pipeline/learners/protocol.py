"""How a continual learner protects what it knows: the places in a task's training where
it may step in.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.state import Networks
from oer_pipeline.learners.view import LearnerView, Losses
from oer_pipeline.networks.stacked import Parameters


class Learner:
    """Learns the new task by its base learner and protects nothing; subclasses override
    what they do differently.

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
    """The network that learns the new task by the base learner."""
    deployed: str = "policy"
    """The network that is deployed."""
    extra_updates: int = 0
    """Updates of the deployed network alone after the others."""
    ought_to_be_zero: ClassVar[Mapping[str, str]] = {}
    """Curves of which training warns where they are not 0: name -> what that means."""

    def networks(self, context: TaskContext) -> Networks:
        """At the task's start: what is trained, and what that uses untrained."""
        return Networks({"policy": context.continued("policy")})

    def start(self, training: LearnerView) -> None:
        """At the task's start, once the networks are there."""

    def losses(self, training: LearnerView, step: Step) -> Losses:
        """Named losses (M,) whose sum the networks descend; what depends on no network
        is a curve.

        Args:
            training: what a learner sees of it.
            step: the batch of the task, and those of the buffers for a learner that
                `replays`.
        """
        policy = training.parameters("policy")
        return training.base_losses(step, training.act(policy, step.batch.observation))

    def extra_losses(self, training: LearnerView, step: Step) -> Losses:
        """What the deployed network descends in the extra updates.

        Args:
            training: what a learner sees of it.
            step: as `losses` takes it.
        """
        raise NotImplementedError

    def on_gradient(self, training: LearnerView, step: Step) -> Losses | None:
        """Change `training.networks[...].gradient` (M, P) in place, before the
        optimiser steps; returns further curves (M,), if there are any."""
        return None

    def after_update(self, training: LearnerView) -> None:
        """After the optimiser stepped."""

    def pause_after(self, training: LearnerView) -> int | None:
        """After which update (from 1) `on_pause` comes; None: never."""
        return None

    def on_pause(self, training: LearnerView) -> None:
        """Once, between two updates: no part of what is replayed.

        It may ask for values; what it changes, it changes in place.
        """

    def running(self) -> dict[str, Tensor]:
        """Tensors that change during the task, for checkpoints; restored by copying
        into them."""
        return {}

    def owners(self) -> Parameters:
        """Where weights have owners (`networks.policy`), their numbers by name, (M,
        ...) each: stored with what is deployed."""
        return {}

    def finish(self, training: LearnerView) -> dict[str, Tensor]:
        """At the task's end: what to keep for later tasks, (M, ...) each."""
        return {}
