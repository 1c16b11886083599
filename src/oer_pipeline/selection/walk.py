"""What both forms of MBES share: where walkers start, what they predict and store, and
how their roll-outs end (method, section 5, "Selection").

Shapes: N rows of the data, M chosen rows, W walkers still walking, O observation, A
action.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.selection.check_request import check_finite
from oer_pipeline.selection.lockstep import QueryCoroutine
from oer_pipeline.selection.mbes_options import MBESOptions
from oer_pipeline.selection.neighbours import NeighbourSearch
from oer_pipeline.selection.protocol import Selection, SelectionRequest
from oer_pipeline.selection.space import StateSpace
from oer_pipeline.selection.stored import StoredRows, Visit

MOST_REVISITS = 20
"""Steps running that lead a roll-out only to where it has been itself, after which it
ends."""


@dataclass(frozen=True)
class World:
    """What all members walk in: one task's data and model, and where its states are
    compared."""

    model: TransitionModel
    space: StateSpace
    search: NeighbourSearch
    distance_limit: float
    """Distance beyond which a prediction has left the data."""


@dataclass
class Walker:
    """Where one roll-out is."""

    rollout: int
    row: int
    step: int = 0
    revisits: int = 0
    """Steps since it last came to where it had not been."""
    visited: list[int] = field(default_factory=list)
    """Rows, in order."""


class Walk(ABC):
    """One member's walk; `run` is the coroutine that does it.

    Args:
        options: of MBES.
        world: shared by all members.
        request: the member's own.
        member: its number in the search.
    """

    def __init__(
        self,
        options: MBESOptions,
        world: World,
        request: SelectionRequest,
        member: int,
    ) -> None:
        self.options = options
        self.world = world
        self.request = request
        self.member = member
        self.walkers = options.walkers or ceil(request.size / request.horizon)
        """At a time."""
        self.stored = StoredRows(request.size, len(request.data))
        self.ended: Counter[str] = Counter()
        self._rollouts = 0
        self._revisits = 0
        self._stood_still = 0
        self._starts = self._draw_starts()

    def run(self) -> QueryCoroutine[Selection]:
        """Roll-outs until the buffer is full, by uniform rows when as many running as
        there are episodes have added nothing."""
        rollouts_without_a_row = 0
        while self.stored.missing:
            missing = self.stored.missing
            walkers = self._start_walkers()
            while self.stored.missing and walkers:
                walkers = yield from self.advance(walkers)
            self.ended["full"] += len(walkers)
            rollouts_without_a_row += self.walkers
            if self.stored.missing < missing:
                rollouts_without_a_row = 0
            if rollouts_without_a_row >= len(self.request.data.starts):
                self.stored.fill(self.request.generator)
        return self._selection()

    @abstractmethod
    def advance(self, walkers: list[Walker]) -> QueryCoroutine[list[Walker]]:
        """One step of each walker, in walker order; those that go on."""

    @abstractmethod
    def close(self, row: int) -> None:
        """Keep the search from leading to `row` again."""

    def reach(
        self,
        walker: Walker,
        row: int,
        distance: float,
    ) -> bool:
        """Move a walker to a row and store what is there; whether it goes on.

        Args:
            walker: who moves.
            row: of the data.
            distance: from the prediction to the row.
        """
        self._revisits += bool(self.stored.taken_N[row])
        self._stood_still += row == walker.row
        walker.revisits = walker.revisits + 1 if row in walker.visited else 0
        source = walker.row
        walker.row = row
        walker.step += 1
        self._store(walker, distance, source)
        return self._goes_on(walker)

    def predict(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """For each walker's row (W,): the predicted next observation (W, O) under pi_n,
        and the member asked (W,).

        With `prediction: mean`, which asks all of them, the member means nothing.
        """
        model = self.world.model
        s, a = self.request.state_action(rows)
        members = torch.zeros(len(rows), dtype=torch.int64)
        if self.options.prediction == "mean":
            predicted = model.mean_next(s, a)
        else:
            draws = self.request.generator
            members = torch.randint(model.members, (len(rows),), generator=draws)
            noise = torch.zeros(s.shape)
            if self.options.prediction == "sample":
                noise = torch.randn(s.shape, generator=draws)
            predicted = model.sample_next(
                s,
                a,
                members.to(s.device),
                noise.to(s.device),
            )
        self._check("prediction", predicted, rows)
        return predicted, members

    def uncertainty(self, rows: Sequence[int]) -> Tensor:
        """u(s, pi_n(s)), (B,), at rows of the data."""
        s, a = self.request.state_action(rows)
        uncertainty = self.world.model.uncertainty(s, a)
        self._check("uncertainty", uncertainty, rows)
        return uncertainty

    def end(self, reason: str) -> bool:
        """Count an ended roll-out; false, for it does not go on."""
        self.ended[reason] += 1
        return False

    def _draw_starts(self) -> Iterator[int]:
        """First rows of episodes, without replacement; when all were drawn, all over
        again in a new order."""
        starts = self.request.data.starts
        while True:
            order = torch.randperm(len(starts), generator=self.request.generator)
            for episode in order.tolist():
                yield int(starts[episode])

    def _start_walkers(self) -> list[Walker]:
        """New roll-outs, those that go beyond their start."""
        walkers = [self._start() for _ in range(self.walkers)]
        return [walker for walker in walkers if self._goes_on(walker)]

    def _start(self) -> Walker:
        walker = Walker(self._rollouts, next(self._starts))
        self._rollouts += 1
        self._store(walker, 0.0)
        return walker

    def _goes_on(self, walker: Walker) -> bool:
        if walker.step + 1 >= self.request.horizon:
            return self.end("horizon")
        if walker.revisits >= MOST_REVISITS:
            return self.end("revisits")
        return True

    def _store(
        self,
        walker: Walker,
        distance: float,
        source: int = -1,
    ) -> None:
        walker.visited.append(walker.row)
        visit = Visit(
            walker.row,
            walker.rollout,
            walker.step,
            distance,
            True,
            source,
        )
        is_new = self.stored.add(visit)
        if is_new and self.options.revisit == "never":
            self.close(walker.row)

    def _check(
        self,
        what: str,
        values: Tensor,
        rows: Sequence[int],
    ) -> None:
        if values.isfinite().all():
            return
        name = f"the transition model's {what}"
        array = values.cpu().numpy()
        check_finite(name, array, self.request.data, np.asarray(rows))

    def _selection(self) -> Selection:
        def uncertainty(rows: list[int]) -> FloatArray:
            return np.asarray(self.uncertainty(rows).cpu().numpy())

        rows, record = self.stored.record(uncertainty)
        limit = self.world.distance_limit
        notes: dict[str, Any] = {
            "rollouts": self._rollouts,
            "ended_by": dict(sorted((+self.ended).items())),
            "revisits": self._revisits,
            "stood_still": self._stood_still,
            "filled": int((~record["walked"]).sum()),
            "distance_limit": limit if np.isfinite(limit) else None,
        }
        return Selection(rows, record, notes)
