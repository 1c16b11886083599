"""MBES's gated form: the walk goes from real sample to real sample, and a gate decides
which (method, section 5).

Candidates are the K nearest neighbours of the current sample, itself among them. The
one whose predicted next state is nearest to the prediction at (s, pi_n(s)) is the best;
if u(s, a) is below `gate` times the neighbours' mean u, the walk goes on at its
successor, else at the current sample's own. A sample whose episode goes on outside the
data (a time-out) has no successor and is no candidate, and neither has one whose
terminal successor is not known: a walk that stands on it and is told to follow the data
ends there. Shapes: N rows of the data, W walkers, K neighbours, O observation, D
dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.selection.lockstep import Asking
from oer_pipeline.selection.neighbours import Query
from oer_pipeline.selection.walk import Walk, Walker

NOWHERE, TAKEN = -1, -2
"""In the place of a row to go to: the data end here; everything there is to go to is
taken."""


class GatedWalk(Walk):
    """s_{t+1} is the successor of a sample near s_t."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        data = self.request.data
        rows = len(data)
        last_N = np.append(data.episode[1:] != data.episode[:-1], True)
        onwards_N = np.where(last_N, NOWHERE, np.arange(1, rows + 1))
        self._successor_N = np.where(data.terminal & data.known, rows, onwards_N)
        self.world.search.close(
            torch.from_numpy(np.flatnonzero(self._successor_N == NOWHERE)), self.member
        )

    def advance(self, walkers: list[Walker]) -> Asking[list[Walker]]:
        """One step of each walker, in walker order; those that go on."""
        rows = [w.row for w in walkers]
        predicted_WO, members_W = self.predict(rows)
        points_WD = self.world.space(predicted_WO)
        found = yield Query(
            self.world.search.points(rows),
            self.settings.neighbours,
            self._without(walkers),
        )
        order_WK, mean_W = self._neighbours(points_WD, members_W, found.index)
        follows_W = (self.uncertainty(rows) < self.settings.gate * mean_W).tolist()
        ways = [
            best if follows else [row]
            for best, follows, row in zip(order_WK, follows_W, rows, strict=True)
        ]
        targets = self._targets(ways)
        reached = self.world.search.points(
            [t if self._is_row(t) else 0 for t in targets]
        )
        distance = (
            (points_WD.double() - reached.double()).square().sum(dim=1).sqrt().tolist()
        )
        arrivals = zip(walkers, targets, distance, strict=True)
        return [
            w
            for w, target, d in arrivals
            if not self.stored.missing or self._arrive(w, target, d)
        ]

    def close(self, row: int) -> None:
        """Never lead to `row` again: its predecessor is no candidate any more."""
        if row > 0 and self._successor_N[row - 1] == row:
            self.world.search.close(row - 1, self.member)

    def _neighbours(
        self, points_WD: Tensor, members_W: Tensor, index_WK: Tensor
    ) -> tuple[list[list[int]], Tensor]:
        """Each walker's neighbours, the best first, and the mean of their u (W,)."""
        there_WK = index_WK >= 0
        rows = index_WK.clamp(min=0).flatten().cpu().numpy()
        data = self.request.data
        s, a = (
            torch.from_numpy(x[rows]).to(points_WD.device)
            for x in (data.observation, data.action)
        )
        if self.settings.prediction == "mean":
            predicted = self.world.model.mean_next(s, a)
        else:
            members = members_W.repeat_interleave(index_WK.shape[1]).to(s.device)
            predicted = self.world.model.sample_next(s, a, members, torch.zeros_like(s))
        near_WKD = self.world.space(predicted).reshape(*index_WK.shape, -1)
        squared_WK = (
            (near_WKD.double() - points_WD[:, None].double()).square().sum(dim=2)
        )
        order_WK = squared_WK.where(there_WK, torch.inf).argsort(dim=1, stable=True)
        best = index_WK.gather(1, order_WK).tolist()
        uncertainty_WK = (
            self.world.model.uncertainty(s, a)
            .reshape(index_WK.shape)
            .where(there_WK, 0.0)
        )
        return [[i for i in row if i >= 0] for row in best], uncertainty_WK.sum(
            dim=1
        ) / there_WK.sum(dim=1)

    def _targets(self, ways: Iterable[Sequence[int]]) -> list[int]:
        """Where each walker goes: the first free successor of its samples, conflicts
        resolved in walker order."""
        claimed: set[int] = set()
        targets = []
        for samples in ways:
            free = (
                int(t)
                for t in self._successor_N[list(samples)]
                if self._is_free(int(t), claimed)
            )
            targets.append(next(free, TAKEN))
            claimed.add(targets[-1])
        return targets

    def _is_free(self, target: int, claimed: set[int]) -> bool:
        if self.settings.revisit != "never" or not self._is_row(target):
            return True
        return not self.stored.taken_N[target] and target not in claimed

    def _is_row(self, target: int) -> bool:
        return 0 <= target < len(self.request.data)

    def _arrive(self, walker: Walker, target: int, distance: float) -> bool:
        """Whether the roll-out goes on."""
        if self._is_row(target):
            return self.reach(walker, target, distance)
        return self.end(
            {NOWHERE: "no_successor", TAKEN: "revisits"}.get(target, "terminal")
        )

    def _without(self, walkers: Sequence[Walker]) -> Sequence[Sequence[int]]:
        """Under `revisit: rollout`, per walker the samples whose successors it has
        visited."""
        if self.settings.revisit != "rollout":
            return ()
        return [
            [r - 1 for r in w.been if r > 0 and self._successor_N[r - 1] == r]
            for w in walkers
        ]
