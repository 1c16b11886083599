"""The update rule: critics each time, policies and targets at every `policy_delay`-th
update; then, for learners that want them, updates of the deployed network alone.

Shapes: M members, F folded members, B batch, K updates.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from oer_pipeline.learners import answers
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.batches import (
    Batch,
    Draws,
    ReplayTable,
    Step,
    TaskTable,
    take,
)
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.state import TrainingState
from oer_pipeline.learners.view import BaseView, LearnerView, Losses
from oer_pipeline.networks.flat import differentiate


class Updates:
    """Performs updates on the state of a training, as learner and base want them."""

    def __init__(
        self,
        learner: Learner,
        base: Base,
        state: TrainingState,
        learner_view: LearnerView,
        base_view: BaseView,
        replay: ReplayTable | None,
    ) -> None:
        self._learner = learner
        self._base = base
        self._learner_name = answers.name_of(learner)
        self._base_name = answers.name_of(base)
        self._state = state
        self._learner_view = learner_view
        self._base_view = base_view
        self._tables: tuple[TaskTable, ...] = learner_view.tables
        self._replay = replay
        self._settings = learner_view.settings
        self._members = len(learner_view.seeds)
        self.policy_delay = base.policy_delay(self._settings)

    def perform(self, draws: Draws) -> Iterator[dict[str, Tensor]]:
        """One update per draw, as they are asked for; the losses (M,) of each."""
        done = 0
        while done < len(draws):
            count = self.with_same_targets(len(draws) - done)
            part = draws.part(done, count)
            if self._state.updates < self._settings.updates:
                yield from self._of_everything(part)
            else:
                yield from self._of_deployed(part)
            done += count

    def with_same_targets(self, most: int) -> int:
        """How many of the next updates, up to `most`, find the target networks as they
        are now."""
        done = self._state.updates
        left = self._settings.updates - done
        if left <= 0:
            return most
        until_they_move = self.policy_delay - done % self.policy_delay
        return min(most, left, until_they_move)

    def _of_everything(self, draws: Draws) -> Iterator[Losses]:
        """Critics each time; policies and targets after the last, if it is a
        `policy_delay`-th update.

        The targets stand still until then, so all updates' target values come from one
        pass.
        """
        state = self._state
        view = self._base_view
        updates, folded, batch_size = draws.rows.shape
        batches = take(self._tables, draws.rows)
        targets = self._base.targets(
            view,
            batches,
            draws.noise,
        )
        answers.check_targets(
            self._base_name,
            targets,
            updates,
            folded,
            batch_size,
        )
        for k, batch in enumerate(batches.split(updates)):
            state.updates += 1
            losses = self._base.update_values(
                view,
                batch,
                targets[k],
            )
            self._check(
                self._base_name,
                losses,
                "update_values",
            )
            if state.updates % self.policy_delay == 0:
                step = self._step(draws, k, batch)
                losses |= self._of_policies(step)
            yield losses

    def _of_policies(self, step: Step) -> Losses:
        state = self._state
        learner = self._learner
        view = self._learner_view
        losses = learner.losses(view, step)
        self._check(
            self._learner_name,
            losses,
            "losses",
        )
        answers.check_reached(self._learner_name, losses)
        differentiate(
            list(losses.values()),
            list(state.networks.values()),
        )
        curves = learner.on_gradient(view, step)
        if curves is None:
            curves = {}
        self._check(
            self._learner_name,
            curves,
            "on_gradient",
        )
        for optimiser in state.optimisers.values():
            optimiser.step()
        learner.after_update(view)
        self._move_targets()
        return _descended_first(losses) | _detached(curves)

    def _move_targets(self) -> None:
        state = self._state
        rate = self._settings.polyak
        policy = state.networks[self._learner.learning]
        state.target_critic.polyak_(state.critic, rate)
        state.target_policy.polyak_(policy, rate)

    def _of_deployed(self, draws: Draws) -> Iterator[Losses]:
        """Of the deployed network alone."""
        state = self._state
        name = self._learner.deployed
        batches = take(self._tables, draws.rows)
        for k, batch in enumerate(batches.split(len(draws))):
            state.updates += 1
            step = self._step(draws, k, batch)
            losses = self._learner.extra_losses(self._learner_view, step)
            self._check(
                self._learner_name,
                losses,
                "extra_losses",
            )
            answers.check_reached(self._learner_name, losses)
            differentiate(
                list(losses.values()),
                [state.networks[name]],
            )
            state.optimisers[name].step()
            yield _detached(losses)

    def _step(
        self,
        draws: Draws,
        k: int,
        batch: Batch,
    ) -> Step:
        if self._replay is None or draws.replay_rows is None:
            return Step(batch)
        return Step(batch, self._replay.take(draws.replay_rows[k]))

    def _check(
        self,
        who: str,
        losses: Losses,
        where: str,
    ) -> None:
        answers.check_losses(
            who,
            losses,
            self._members,
            where,
        )


def _descended_first(losses: Losses) -> Losses:
    """The losses, then the curves among them."""
    descended: Losses = {}
    curves: Losses = {}
    for name, loss in losses.items():
        if loss.requires_grad:
            descended[name] = loss.detach()
        else:
            curves[name] = loss
    return descended | curves


def _detached(losses: Losses) -> Losses:
    return {name: loss.detach() for name, loss in losses.items()}
