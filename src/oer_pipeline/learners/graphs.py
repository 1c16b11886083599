"""Updates as a CUDA graph: one launch for a period of updates instead of some hundred kernels.

A period is `policy_delay` updates, critics each time and policies once. The graph reads its draws from fixed memory,
into which each period's are copied, and leaves its losses in fixed memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from oer_pipeline.learners.batches import Draws

if TYPE_CHECKING:
    from oer_pipeline.learners.task_training import TaskTraining

WARM_UP = 3
"""Periods before the capture, as CUDA's libraries want."""

Work = Callable[[], list[dict[str, Tensor]]]
"""Updates on fixed memory; the losses (M,) of each."""


def cuda_capture(work: Work) -> Work:
    """`work` as a CUDA graph, which leaves its results in the same tensors each time; performs it `WARM_UP` times."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = work()

    def replay() -> list[dict[str, Tensor]]:
        graph.replay()
        return results

    return replay


class Graph:
    """Performs a training's updates by replaying one captured period; what does not fill a period runs eagerly."""

    def __init__(self, training: TaskTraining, capture: Callable[[Work], Work] = cuda_capture) -> None:
        self._training, self._capture = training, capture
        self._period = training.settings.policy_delay
        self._captured: tuple[Draws, Work] | None = None

    def perform(self, draws: Draws) -> Iterator[dict[str, Tensor]]:
        """As `TaskTraining.perform`; losses hold until the next ones are asked for."""
        done = 0
        while done < len(draws):
            part = draws.part(done, self._training.with_same_targets(len(draws) - done))
            yield from self._replay(part) if self._is_whole(part) else self._training.perform(part)
            done += len(part)

    def _is_whole(self, draws: Draws) -> bool:
        """Whether the draws are a period, and no updates of the deployed network alone."""
        return len(draws) == self._period and self._training.updates < self._training.settings.updates

    def _replay(self, draws: Draws) -> list[dict[str, Tensor]]:
        after = self._training.updates + self._period
        fixed, work = self._captured = self._captured or self._capture_period(draws)
        fixed.copy_(draws)
        losses = work()
        self._training.updates = after
        return losses

    def _capture_period(self, draws: Draws) -> tuple[Draws, Work]:
        """The memory that a period's draws are read from, and the captured period; training stays as it is."""
        training, fixed = self._training, draws.clone()
        state, first = training.state(), training.updates

        def work() -> list[dict[str, Tensor]]:
            training.updates = first
            return list(training.perform(fixed))

        captured = self._capture(work)
        training.load_state(state, first)
        return fixed, captured
