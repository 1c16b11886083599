"""The upper reference: what the policy visits in the environment itself. Not
offline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.selection.neighbours import Neighbours, Query
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import (
    Selection,
    SelectionRequest,
    Selector,
    needed,
)
from oer_pipeline.selection.space import Space, raw


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
        visits = needed(request.visits, "oracle", "states visited in the environment")()
        _check(visits, request.data.observation.shape[1])
        (request,), rows = in_content_order([request])
        observation = torch.from_numpy(request.data.observation).to(request.device)
        space = Space.of(observation, raw, request.distance_dimensions)
        states = torch.from_numpy(np.ascontiguousarray(visits, np.float32)).to(
            request.device
        )
        search, points = Neighbours(space(observation)), space(states)
        chosen: list[int] = []
        distances: list[float] = []
        while len(chosen) < request.size:
            drawn = torch.randperm(len(points), generator=request.generator)[
                : request.size - len(chosen)
            ]
            for row, distance in _snap(search, points[drawn.to(points.device)]):
                chosen.append(row)
                distances.append(distance)
        notes = {"visits": len(visits), "mean_distance": float(np.mean(distances))}
        return Selection.unwalked(rows[chosen], notes)


def _snap(search: Neighbours, points: torch.Tensor) -> list[tuple[int, float]]:
    """A sample of its own and how far it is, for each of the points, in their order; no
    more points than samples."""
    taken: dict[int, tuple[int, float]] = {}
    waiting = list(range(len(points)))
    while waiting:
        found = search.nearest({0: Query(points[waiting])})[0]
        wanted = zip(
            found.distance[:, 0].tolist(),
            waiting,
            found.index[:, 0].tolist(),
            strict=True,
        )
        served: dict[int, int] = {}
        for distance, point, row in sorted(wanted):
            if row not in served:
                served[row], taken[point] = point, (row, distance)
        search.close(torch.tensor(list(served)))
        waiting = [point for point in waiting if point not in taken]
    return [taken[point] for point in range(len(points))]


def _check(visits: FloatArray, observations: int) -> None:
    if visits.ndim != 2 or not len(visits) or visits.shape[1] != observations:
        raise DataError(
            f"visits have shape {visits.shape}; at least one row of {observations}"
            " columns is needed"
        )
    bad = np.flatnonzero(~np.isfinite(visits).all(axis=1))
    if len(bad):
        raise DataError(f"visit {bad[0]} is not finite: {visits[bad[0]].tolist()}")
