"""What both forms of MBES share: walkers, starts, what is stored, how roll-outs end
(method, section 5).

Shapes: N rows of the data, M chosen rows, W walkers still walking, O observation, A
action.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.selection.checks import finite
from oer_pipeline.selection.lockstep import Asking
from oer_pipeline.selection.neighbours import Neighbours
from oer_pipeline.selection.protocol import Selection, SelectionRequest
from oer_pipeline.selection.space import Space
from oer_pipeline.selection.stored import Stored, Visit

if TYPE_CHECKING:
    from oer_pipeline.selection.mbes import MBES

CIRCLES = 20
"""Steps running that lead a roll-out only to where it has been itself, after which it
ends: it only revisits."""


@dataclass(frozen=True)
class World:
    """What all members walk in: one task's data and model, and where its states are
    compared."""

    model: TransitionModel
    space: Space
    search: Neighbours
    limit: float  # distance beyond which a prediction has left the data


@dataclass
class Walker:
    """Where one roll-out is."""

    rollout: int
    row: int
    step: int = 0
    circling: int = 0  # steps since it was last where it had not been
    been: list[int] = field(default_factory=list)  # rows, in order


class Walk(ABC):
    """One member's walk; `run` is the coroutine that does it."""

    def __init__(
        self, settings: MBES, world: World, request: SelectionRequest, member: int
    ) -> None:
        self.settings, self.world, self.request, self.member = (
            settings,
            world,
            request,
            member,
        )
        self.stored = Stored(request.size, len(request.data))
        self.ended: Counter[str] = Counter()
        self._rollouts = self._revisits = self._stood_still = 0
        self._starts = self._draw_starts()

    def run(self) -> Asking[Selection]:
        """Roll-outs until the buffer is full, by uniform rows when as many running as
        there are starts add nothing."""
        barren = 0  # roll-outs since one added something
        while self.stored.missing:
            before = self.stored.missing
            walkers = [
                w
                for w in [self._start() for _ in range(self.settings.walkers)]
                if self._goes_on(w)
            ]
            while self.stored.missing and walkers:
                walkers = yield from self.advance(walkers)
            self.ended["full"] += len(walkers)
            barren = (
                barren + self.settings.walkers if self.stored.missing == before else 0
            )
            if barren >= len(self.request.data.starts):
                self.stored.fill(self.request.generator)
        return self._selection()

    @abstractmethod
    def advance(self, walkers: list[Walker]) -> Asking[list[Walker]]:
        """One step of each walker, in walker order; those that go on."""

    @abstractmethod
    def close(self, row: int) -> None:
        """Keep the search from leading to `row` again."""

    def reach(self, walker: Walker, row: int, distance: float) -> bool:
        """Move `walker` to `row`, `distance` from the prediction, and store what is
        there; whether it goes on."""
        self._revisits += bool(self.stored.taken_N[row])
        self._stood_still += row == walker.row
        walker.circling = walker.circling + 1 if row in walker.been else 0
        source, walker.row, walker.step = walker.row, row, walker.step + 1
        self._store(walker, distance, source)
        return self._goes_on(walker)

    def predict(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """For each walker's row (W,): the predicted next observation (W, O) under pi_n,
        and the member asked (W,).

        With `prediction: mean`, which asks all of them, the member means nothing.
        """
        s, a = self.state_action(rows)
        if self.settings.prediction == "mean":
            members, predicted = (
                torch.zeros(len(rows), dtype=torch.int64),
                self.world.model.mean_next(s, a),
            )
        else:
            draws = self.request.generator
            members = torch.randint(
                self.world.model.members, (len(rows),), generator=draws
            )
            sampled = self.settings.prediction == "sample"
            noise = (
                torch.randn(s.shape, generator=draws)
                if sampled
                else torch.zeros(s.shape)
            )
            predicted = self.world.model.sample_next(
                s, a, members.to(s.device), noise.to(s.device)
            )
        self._check("prediction", predicted, rows)
        return predicted, members

    def uncertainty(self, rows: Sequence[int]) -> Tensor:
        """u(s, pi_n(s)), (B,), at rows of the data."""
        uncertainty = self.world.model.uncertainty(*self.state_action(rows))
        self._check("uncertainty", uncertainty, rows)
        return uncertainty

    def state_action(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """s and pi_n(s), (B, O) and (B, A), at rows of the data, on the model's
        device."""
        observation = self.request.data.observation[rows]
        action = self.request.actions(observation, np.asarray(rows))
        return torch.from_numpy(observation).to(self.request.device), torch.from_numpy(
            action
        ).to(self.request.device)

    def _draw_starts(self) -> Iterator[int]:
        """First rows of episodes, without replacement; when all were drawn, all over
        again in a new order."""
        starts = self.request.data.starts
        while True:
            for episode in torch.randperm(
                len(starts), generator=self.request.generator
            ).tolist():
                yield int(starts[episode])

    def _start(self) -> Walker:
        walker = Walker(self._rollouts, next(self._starts))
        self._rollouts += 1
        self._store(walker, 0.0)
        return walker

    def _goes_on(self, walker: Walker) -> bool:
        if walker.step + 1 >= self.request.horizon:
            return self.end("horizon")
        return walker.circling < CIRCLES or self.end("revisits")

    def end(self, reason: str) -> bool:
        """Count an ended roll-out; false, for it does not go on."""
        self.ended[reason] += 1
        return False

    def _store(self, walker: Walker, distance: float, source: int = -1) -> None:
        walker.been.append(walker.row)
        new = self.stored.add(
            Visit(walker.row, walker.rollout, walker.step, distance, True, source)
        )
        if new and self.settings.revisit == "never":
            self.close(walker.row)

    def _check(self, what: str, values: Tensor, rows: Sequence[int]) -> None:
        if not values.isfinite().all():
            finite(
                f"the transition model's {what}",
                values.cpu().numpy(),
                self.request.data,
                np.asarray(rows),
            )

    def _selection(self) -> Selection:
        rows, record = self.stored.record(
            lambda sources: self.uncertainty(sources).cpu().numpy()
        )
        notes = {
            "rollouts": self._rollouts,
            "ended_by": dict(sorted((+self.ended).items())),
            "revisits": self._revisits,
            "stood_still": self._stood_still,
            "filled": int((~record["walked"]).sum()),
            "distance_limit": self.world.limit
            if np.isfinite(self.world.limit)
            else None,
        }
        return Selection(rows, record, notes)
