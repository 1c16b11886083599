"""Distances between states where buffers and visits are compared (method, sections 5
and 8): the search and the standardisation of selectors, in float64 on the host.

Shapes: N rows of the data, Q queries, P points, O observation, D dimensions that are
compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.common.types import FloatArray, IntArray

if TYPE_CHECKING:  # torch takes a second to load, and reports measure no distance
    from oer_pipeline.selection.space import StateSpace


@dataclass(frozen=True)
class DataSpace:
    """Where a task's states are compared: dimensions that vary, standardised by its
    data set."""

    space: StateSpace
    mean: FloatArray  # (O,)
    std: FloatArray  # (O,)

    @classmethod
    def of(
        cls,
        observation: FloatArray,
        dimensions: Sequence[int],
    ) -> DataSpace:
        """The space of a data set.

        Args:
            observation: of all rows, (N, O).
            dimensions: those that distances are measured on, as far as they vary.

        Raises:
            DataError: none of them varies.
        """
        mean = observation.mean(axis=0, dtype=np.float64)
        std = observation.std(axis=0, dtype=np.float64)
        return cls.of_moments(mean, std, dimensions)

    @classmethod
    def of_moments(
        cls,
        mean: FloatArray,
        std: FloatArray,
        dimensions: Sequence[int],
    ) -> DataSpace:
        """The space of a data set with these statistics.

        Args:
            mean: of its observations, (O,).
            std: of its observations, (O,).
            dimensions: of the observation, on which states are compared.

        Raises:
            DataError: none of the dimensions varies.
        """
        from oer_pipeline.selection.space import StateSpace

        return cls(StateSpace.of_moments(mean, std, dimensions), mean, std)

    @property
    def columns(self) -> tuple[int, ...]:
        """The dimensions that are compared, (D,)."""
        return tuple(self.space.columns.tolist())

    def points(self, states: FloatArray) -> FloatArray:
        """States (Q, O) as points of the space (Q, D), float64."""
        import torch

        writable = np.require(states, requirements=["C", "W"])
        points = self.space.points(torch.from_numpy(writable))
        return np.asarray(points.numpy())

    def distances(
        self,
        queries: FloatArray,
        states: FloatArray,
    ) -> FloatArray:
        """From each query (Q, O) to the nearest of the states (P, O), (Q,)."""
        points = self.points(states)
        return distances_to_nearest(self.points(queries), points)


def distances_to_nearest(
    queries: FloatArray,
    points: FloatArray,
    excluded: IntArray | None = None,
) -> FloatArray:
    """From each query (Q, D) to its nearest point, (Q,); arguments as of `nearest`."""
    index = nearest(queries, points, excluded)
    return np.asarray(np.linalg.norm(queries - points[index], axis=1))


def nearest(
    queries: FloatArray,
    points: FloatArray,
    excluded: IntArray | None = None,
) -> IntArray:
    """The index (Q,) of the point that is nearest to each query, exact, in bounded
    memory; of equally near ones the first.

    Args:
        queries: (Q, D) float64.
        points: (P, D) float64.
        excluded: a point per query that does not count, (Q,); None: all count.
    """
    import torch

    from oer_pipeline.selection.neighbours import NeighbourSearch, Query

    search = NeighbourSearch(torch.from_numpy(points))
    without = () if excluded is None else excluded[:, None].tolist()
    query = Query(torch.from_numpy(queries), 1, without)
    answer = search.nearest({0: query})[0]
    return np.asarray(answer.index[:, 0].numpy())
