"""MBES's gated form: the walk goes from real sample to real sample, and a gate decides
which (method, section 5, "Selection").

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

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.selection.lockstep import QueryCoroutine
from oer_pipeline.selection.mbes_options import MBESOptions
from oer_pipeline.selection.neighbours import Query
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.selection.walk import Walk, Walker, World

NOWHERE = -1
"""In the place of a row to go to: the data end here."""
TAKEN = -2
"""In the place of a row to go to: everything there is to go to is taken."""
REASONS = {NOWHERE: "no_successor", TAKEN: "revisits"}


class GatedWalk(Walk):
    """s_{t+1} is the successor of a sample near s_t."""

    def __init__(
        self,
        options: MBESOptions,
        world: World,
        request: SelectionRequest,
        member: int,
    ) -> None:
        super().__init__(
            options,
            world,
            request,
            member,
        )
        data = request.data
        rows = len(data)
        last_N = np.append(data.episode[1:] != data.episode[:-1], True)
        next_N = np.where(last_N, NOWHERE, np.arange(1, rows + 1))
        # A terminal successor has the number after the last row.
        self._successor_N = np.where(data.terminal & data.known, rows, next_N)
        without = np.flatnonzero(self._successor_N == NOWHERE)
        world.search.close(torch.from_numpy(without), member)

    def advance(self, walkers: list[Walker]) -> QueryCoroutine[list[Walker]]:
        """One step of each walker, in walker order; those that go on."""
        rows = [walker.row for walker in walkers]
        predicted_WO, members_W = self.predict(rows)
        points_WD = self.world.space.points(predicted_WO)
        nearest = yield Query(
            self.world.search.points(rows),
            self.options.neighbours,
            self._excluded(walkers),
        )
        ranked, mean_W = self._rank(points_WD, members_W, nearest.index)
        is_certain = self.uncertainty(rows) < self.options.gate * mean_W
        ways: list[list[int]] = []
        for row, best, certain in zip(rows, ranked, is_certain.tolist(), strict=True):
            ways.append(best if certain else [row])
        targets = self._targets(ways)
        distances = self._distances(points_WD, targets)
        walking = []
        for walker, target, distance in zip(walkers, targets, distances, strict=True):
            if not self.stored.missing or self._arrive(walker, target, distance):
                walking.append(walker)
        return walking

    def close(self, row: int) -> None:
        """Never lead to `row` again: its predecessor is no candidate any more."""
        if self._follows(row):
            self.world.search.close(row - 1, self.member)

    def _rank(
        self,
        points_WD: Tensor,
        members_W: Tensor,
        index_WK: Tensor,
    ) -> tuple[list[list[int]], Tensor]:
        """Each walker's neighbours, the best first, and the mean of their u (W,)."""
        model = self.world.model
        exists_WK = index_WK >= 0
        rows = index_WK.clamp(min=0).flatten().cpu().numpy()
        data = self.request.data
        device = points_WD.device
        s = torch.from_numpy(data.observation[rows]).to(device)
        a = torch.from_numpy(data.action[rows]).to(device)
        if self.options.prediction == "mean":
            predicted = model.mean_next(s, a)
        else:
            members = members_W.repeat_interleave(index_WK.shape[1]).to(s.device)
            predicted = model.sample_next(
                s,
                a,
                members,
                torch.zeros_like(s),
            )
        near_WKD = self.world.space.points(predicted).reshape(*index_WK.shape, -1)
        difference_WKD = near_WKD.double() - points_WD[:, None].double()
        squared_WK = difference_WKD.square().sum(dim=2).where(exists_WK, torch.inf)
        order_WK = squared_WK.argsort(dim=1, stable=True)
        ranked = []
        for samples in index_WK.gather(1, order_WK).tolist():
            ranked.append([sample for sample in samples if sample >= 0])
        uncertainty_WK = model.uncertainty(s, a).reshape(index_WK.shape)
        total_W = uncertainty_WK.where(exists_WK, 0.0).sum(dim=1)
        return ranked, total_W / exists_WK.sum(dim=1)

    def _targets(self, ways: Iterable[Sequence[int]]) -> list[int]:
        """Where each walker goes: the first free successor of its samples, conflicts
        resolved in walker order."""
        claimed: set[int] = set()
        targets = []
        for samples in ways:
            target = self._first_free(samples, claimed)
            targets.append(target)
            claimed.add(target)
        return targets

    def _first_free(
        self,
        samples: Sequence[int],
        claimed: set[int],
    ) -> int:
        for sample in samples:
            target = int(self._successor_N[sample])
            if self._is_free(target, claimed):
                return target
        return TAKEN

    def _is_free(
        self,
        target: int,
        claimed: set[int],
    ) -> bool:
        if self.options.revisit != "never" or not self._is_row(target):
            return True
        return not self.stored.taken_N[target] and target not in claimed

    def _is_row(self, target: int) -> bool:
        return 0 <= target < len(self.request.data)

    def _distances(
        self,
        points_WD: Tensor,
        targets: Sequence[int],
    ) -> list[float]:
        """From each prediction to where its walker goes; of no meaning where that is no
        row."""
        rows = [target if self._is_row(target) else 0 for target in targets]
        reached_WD = self.world.search.points(rows)
        difference_WD = points_WD.double() - reached_WD.double()
        distances: list[float] = difference_WD.square().sum(dim=1).sqrt().tolist()
        return distances

    def _arrive(
        self,
        walker: Walker,
        target: int,
        distance: float,
    ) -> bool:
        """Whether the roll-out goes on."""
        if self._is_row(target):
            return self.reach(walker, target, distance)
        return self.end(REASONS.get(target, "terminal"))

    def _follows(self, row: int) -> bool:
        """Whether a row is the successor of the one before it."""
        if row == 0:
            return False
        return bool(self._successor_N[row - 1] == row)

    def _excluded(self, walkers: Sequence[Walker]) -> Sequence[Sequence[int]]:
        """Under `revisit: rollout`, per walker the samples whose successors it has
        visited."""
        if self.options.revisit != "rollout":
            return ()
        excluded = []
        for walker in walkers:
            successors = filter(self._follows, walker.visited)
            excluded.append([row - 1 for row in successors])
        return excluded
