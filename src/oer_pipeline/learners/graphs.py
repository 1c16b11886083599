"""Updates captured once and replayed: as a CUDA graph on a GPU, one launch for a period
of updates instead of some hundred kernels, and as a tape of kernels on a CPU.

A period is `policy_delay` updates, critics each time and policies once. It reads its
draws from fixed memory, into which each period's are copied, and leaves its losses in
fixed memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from oer_pipeline.common.errors import OERError
from oer_pipeline.learners.batches import Draws
from oer_pipeline.networks.capture import captured
from oer_pipeline.networks.tape import NotTapeableError

if TYPE_CHECKING:
    from oer_pipeline.learners.task_training import TaskTraining

Work = Callable[[], list[dict[str, Tensor]]]
"""Updates on fixed memory; the losses (M,) of each."""
CLOSE = 1e-5
"""How far a replay on a GPU may be from the eager updates, absolutely and
relatively."""


class Graph:
    """Performs a training's updates by replaying one captured period.

    What does not fill a period runs eagerly, and so does a learner whose updates cannot
    be replayed. Before replays are trusted, the same periods are done from the same
    state, eagerly and replayed: one on a CPU, where the bits have to be the same, two
    on a GPU, where they have to be `CLOSE`.
    """

    def __init__(
        self, training: TaskTraining, capture: Callable[[Work], Work] | None = None
    ) -> None:
        self._training, self._capture = (
            training,
            capture or partial(captured, device=training.device),
        )
        self._exact = training.device.type == "cpu"
        self._period = training.policy_delay
        self._captured: tuple[Draws, Work] | None = None
        self._refused = False

    def perform(self, draws: Draws) -> Iterator[dict[str, Tensor]]:
        """As `TaskTraining.perform`; losses hold until the next ones are asked for.

        Raises:
            OERError: the learner's updates depend on something that a replay does not
                see.
        """
        done = 0
        while done < len(draws):
            part = draws.part(done, self._training.with_same_targets(len(draws) - done))
            replayed = self._is_whole(part) and self._is_captured(part)
            yield from self._replay(part) if replayed else self._training.perform(part)
            done += len(part)

    def _is_whole(self, draws: Draws) -> bool:
        """Whether the draws are a period, and no updates of the deployed network
        alone."""
        return (
            len(draws) == self._period
            and self._training.updates < self._training.settings.updates
        )

    def _is_captured(self, draws: Draws) -> bool:
        """Whether there is a captured period; the first time it is captured, with these
        draws."""
        if self._captured is None and not self._refused:
            self._captured = self._capture_period(draws)
            self._refused = self._captured is None
        return self._captured is not None

    def _replay(self, draws: Draws) -> list[dict[str, Tensor]]:
        assert self._captured is not None
        after = self._training.updates + self._period
        fixed, work = self._captured
        fixed.copy_(draws)
        losses = work()
        self._training.updates = after
        return losses

    def _capture_period(self, draws: Draws) -> tuple[Draws, Work] | None:
        """The memory that a period's draws are read from, and the captured period; None
        if it cannot be replayed.

        Training stays as it is.
        """
        training, fixed = self._training, draws.clone()
        state, first = training.state(), training.updates

        def period() -> list[dict[str, Tensor]]:
            training.updates = first
            return list(training.perform(fixed))

        def outcome(work: Work) -> dict[str, Tensor]:
            training.load_state(state, first)
            losses: dict[str, Tensor] = {}
            for _ in range(1 if self._exact else 2):
                losses = _named(work())
            return losses | training.state()

        replay = None
        try:
            with training.without_number():
                replay = self._capture(period)
        except NotTapeableError as error:
            logging.getLogger(__name__).info("updates are not replayed: %s", error)
        try:
            fixed.copy_(
                draws.altered()
            )  # what was made of values while recording would show
            self._compare(outcome(period), outcome(replay or period))
        finally:
            training.load_state(state, first)
        return None if replay is None else (fixed, replay)

    def _compare(self, eager: dict[str, Tensor], replayed: dict[str, Tensor]) -> None:
        same = _same_bits if self._exact else _close
        names = dict.fromkeys([*eager, *replayed])
        if others := [
            name for name in names if not same(eager.get(name), replayed.get(name))
        ]:
            raise OERError(
                f"learner {type(self._training.learner).__name__}: the same updates,"
                f" done again, give other values of {', '.join(others)}; what a"
                " learner's updates depend on has to be tensors, changed in place and"
                " named by running(). To train without replays, set graphs: false"
            )


def _named(losses: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Copies of the losses of a period's updates, under names that say which update."""
    named: dict[str, Tensor] = {}
    for k, of_update in enumerate(losses):
        for name, loss in of_update.items():
            named[f"{name} loss of update {k}"] = loss.clone()
    return named


def _same_bits(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return False
    return one.reshape(-1).view(torch.uint8).equal(other.reshape(-1).view(torch.uint8))


def _close(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two tensors of numbers are `CLOSE`; other kinds have to be equal."""
    if one is None or other is None or not one.is_floating_point():
        return _same_bits(one, other)
    return torch.allclose(one, other, rtol=CLOSE, atol=CLOSE, equal_nan=True)
