"""Updates that are captured once and replayed (see `networks.capture`): some hundred
kernels without the program around them.

A period is `policy_delay` updates, critics each time and policies once. It reads its
draws from fixed memory, into which each period's are copied, and leaves its losses in
fixed memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from oer_pipeline.common.errors import OERError
from oer_pipeline.learners.batches import Draws
from oer_pipeline.learners.checkpoint_state import CheckpointState
from oer_pipeline.learners.state import TrainingState
from oer_pipeline.learners.updates import Updates
from oer_pipeline.learners.view import Losses
from oer_pipeline.networks.capture.interface import captured, differences

Work = Callable[[], list[dict[str, Tensor]]]
"""Updates on fixed memory; the losses (M,) of each."""
Capture = Callable[[Work, Sequence[Tensor], torch.device, str], Work | None]
"""As `networks.capture.interface.captured`."""


class CapturedUpdates:
    """Performs a training's updates by replaying one captured period.

    What does not fill a period runs eagerly, and so does a learner whose updates cannot
    be replayed. Before replays are trusted, the same periods are done from the same
    state, eagerly and replayed (`networks.capture.interface.differences`).

    Args:
        updates: what is replayed.
        last: after which update nothing is: those of the deployed network alone.
        state: what the updates change.
        checkpoint: its tensors by name.
        device: where they lie.
        learner: its name, for errors.
        capture: how.
    """

    def __init__(
        self,
        updates: Updates,
        last: int,
        state: TrainingState,
        checkpoint: CheckpointState,
        device: torch.device,
        learner: str,
        capture: Capture = captured,
    ) -> None:
        self._updates = updates
        self._last = last
        self._state = state
        self._checkpoint = checkpoint
        self._device = device
        self._learner = learner
        self._capture = capture
        self._exact = device.type == "cpu"
        self._memory: Draws | None = None
        self._replay: Work | None = None
        self._is_tried = False

    @property
    def has_captured(self) -> bool:
        """Whether a period has been captured."""
        return self._replay is not None

    def perform(self, draws: Draws) -> Iterator[Losses]:
        """As `Updates.perform`; losses hold until the next ones are asked for.

        Args:
            draws: of one block, an update each.

        Raises:
            OERError: the learner's updates depend on something that a replay does not
                see.
        """
        done = 0
        while done < len(draws):
            count = self._updates.with_same_targets(len(draws) - done)
            part = draws.part(done, count)
            if self._is_replayed(part):
                yield from self._replayed(part)
            else:
                yield from self._updates.perform(part)
            done += count

    def _is_replayed(self, draws: Draws) -> bool:
        """Whether the draws are a period, no updates of the deployed network alone, and
        a period is captured; the first time it is, with these draws."""
        is_period = len(draws) == self._updates.policy_delay
        if not is_period or self._state.updates >= self._last:
            return False
        if not self._is_tried:
            self._is_tried = True
            self._capture_period(draws)
        return self._replay is not None

    def _replayed(self, draws: Draws) -> list[Losses]:
        assert self._memory is not None
        assert self._replay is not None
        after = self._state.updates + len(draws)
        self._memory.copy_(draws)
        losses = self._replay()
        self._state.updates = after
        return losses

    def _capture_period(self, draws: Draws) -> None:
        """Capture a period, if it can be replayed; training stays as it is.

        Raises:
            OERError: the period's replay, or its repetition, gives other values.
        """
        memory = draws.clone()
        first = self._state.updates
        state = self._checkpoint.tensors()

        def period() -> list[Losses]:
            self._state.updates = first
            return list(self._updates.perform(memory))

        try:
            with self._state.without_number():
                replay = self._capture(
                    period,
                    list(state.values()),
                    self._device,
                    "updates",
                )
            self._state.updates = first
            # what was made of values while recording would show
            memory.copy_(draws.altered())
            self._check(period, replay or period, state)
        finally:
            self._state.updates = first
        self._memory = memory
        self._replay = replay

    def _check(
        self,
        period: Work,
        replay: Work,
        state: dict[str, Tensor],
    ) -> None:
        first = self._state.updates

        def losses_of(work: Work) -> Losses:
            self._state.updates = first
            return _named(work())

        others = differences(
            partial(losses_of, period),
            partial(losses_of, replay),
            state,
            self._exact,
        )
        if others:
            raise OERError(
                f"learner {self._learner}: the same updates,"
                f" done again, give other values of {', '.join(others)}; what a"
                " learner's updates depend on has to be tensors, changed in place and"
                " named by running(). To train without replays, set graphs: false"
            )


def _named(losses: Sequence[Losses]) -> Losses:
    """The losses of a period's updates, under names that say which update."""
    named: Losses = {}
    for k, of_update in enumerate(losses):
        for name, loss in of_update.items():
            named[f"{name} loss of update {k}"] = loss
    return named
