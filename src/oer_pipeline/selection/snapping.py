"""MBES's default form: every prediction is snapped to the nearest real sample (method,
section 5, "Selection").

Candidates: the N states of the data, then the terminal states that episodes are known
to end in. Shapes: W walkers, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

from oer_pipeline.selection.lockstep import QueryCoroutine
from oer_pipeline.selection.neighbours import Query
from oer_pipeline.selection.walk import Walk, Walker


class SnappingWalk(Walk):
    """s_{t+1} is the candidate nearest to the prediction."""

    def advance(self, walkers: list[Walker]) -> QueryCoroutine[list[Walker]]:
        """One step of each walker, in walker order; those that go on."""
        rows = [walker.row for walker in walkers]
        predicted_WO, _ = self.predict(rows)
        points_WD = self.world.space.points(predicted_WO)
        nearest = yield Query(
            points=points_WD,
            excluded=self._excluded(walkers),
        )
        candidates = nearest.index[:, 0].tolist()
        distances = nearest.distance[:, 0].tolist()
        walking = []
        for number, walker in enumerate(walkers):
            candidate = candidates[number]
            distance = distances[number]
            if self._is_taken(candidate):
                # A walker before it in this step has been there.
                again = yield Query(points_WD[number : number + 1])
                candidate = int(again.index)
                distance = float(again.distance)
            if not self.stored.missing or self._arrive(walker, candidate, distance):
                walking.append(walker)
        return walking

    def close(self, row: int) -> None:
        """Never lead to `row` again."""
        self.world.search.close(row, self.member)

    def _is_taken(self, candidate: int) -> bool:
        """Under `revisit: never`, whether a candidate is a row of the buffer."""
        if self.options.revisit != "never":
            return False
        if candidate < 0:
            return False
        if candidate >= len(self.request.data):
            return False
        return bool(self.stored.taken_N[candidate])

    def _arrive(
        self,
        walker: Walker,
        candidate: int,
        distance: float,
    ) -> bool:
        """Whether the roll-out goes on."""
        if candidate < 0:
            return self.end("limit")
        if distance > self.world.distance_limit:
            return self.end("limit")
        if candidate >= len(self.request.data):
            return self.end("terminal")
        return self.reach(walker, candidate, distance)

    def _excluded(self, walkers: Sequence[Walker]) -> Sequence[Sequence[int]]:
        """Under `revisit: rollout`, per walker the samples that it has visited."""
        if self.options.revisit != "rollout":
            return ()
        return [walker.visited for walker in walkers]
