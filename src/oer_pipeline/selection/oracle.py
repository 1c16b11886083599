"""The upper reference: what the policy visits in the environment itself. Not offline.

Shapes: V visited states, O observation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.selection.neighbours import NeighbourSearch, Query
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import (
    Selection,
    SelectionRequest,
    Selector,
    needed,
)
from oer_pipeline.selection.space import StateSpace


@dataclass(frozen=True)
class Oracle(Selector):
    """The samples of D_n nearest to states that pi_n visits in the environment (method,
    section 6).

    M visits are drawn without replacement (all of them, again and again, if there are
    fewer), and each takes the sample nearest to it that is left. Where two want the
    same, it goes to the nearer one.
    """

    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows; the notes say how far the visits are
        from their samples on average.

        Raises:
            ConfigurationError: the request has no visits.
            DataError: visits of the wrong shape, or that are not finite.
        """
        look = needed(
            value=request.visits,
            selector="oracle",
            what="states visited in the environment",
        )
        visits = look()
        _check(visits, request.data.observation.shape[1])
        (request,), rows = in_content_order([request])
        device = request.device
        observation = torch.from_numpy(request.data.observation).to(device)
        visited = torch.from_numpy(np.ascontiguousarray(visits, np.float32))
        space = StateSpace.of_data(
            observation,
            columns=request.distance_dimensions,
        )
        search = NeighbourSearch(space.points(observation))
        points = space.points(visited.to(device))
        chosen: list[int] = []
        distances: list[float] = []
        while len(chosen) < request.size:
            missing = request.size - len(chosen)
            order = torch.randperm(len(points), generator=request.generator)
            drawn = points[order[:missing].to(device)]
            for row, distance in _assign(search, drawn):
                chosen.append(row)
                distances.append(distance)
        notes = {
            "visits": len(visits),
            "mean_distance": float(np.mean(distances)),
        }
        return Selection.unwalked(rows[chosen], notes)


def _assign(
    search: NeighbourSearch,
    points: torch.Tensor,
) -> list[tuple[int, float]]:
    """A different sample for each of the points, in their order, and how far it is; no
    more points than samples."""
    assigned: dict[int, tuple[int, float]] = {}
    waiting = list(range(len(points)))
    while waiting:
        query = Query(points[waiting])
        nearest = search.nearest({0: query})[0]
        wishes = zip(
            nearest.distance[:, 0].tolist(),
            waiting,
            nearest.index[:, 0].tolist(),
            strict=True,
        )
        taken: set[int] = set()
        for distance, point, row in sorted(wishes):
            if row not in taken:
                taken.add(row)
                assigned[point] = (row, distance)
        search.close(torch.tensor(list(taken)))
        waiting = [point for point in waiting if point not in assigned]
    return [assigned[point] for point in range(len(points))]


def _check(
    visits: FloatArray,
    observations: int,
) -> None:
    columns = visits.shape[1:]
    if columns != (observations,) or not len(visits):
        wanted = f"at least one row of {observations} columns is needed"
        raise DataError(f"visits have shape {visits.shape}; {wanted}")
    finite_V = np.isfinite(visits).all(axis=1)
    bad = np.flatnonzero(~finite_V)
    if len(bad):
        first = bad[0]
        value = visits[first].tolist()
        raise DataError(f"visit {first} is not finite: {value}")
