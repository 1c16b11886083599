"""Buffer fidelity: does a buffer look like what the deployed policy visits?

That is the paper's claim, measured (method, section 8). Shapes: V visited states, B
states of the buffer, O observation, D dimensions that are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.distances import DataSpace, nearest

TOGETHER = 4
"""Dimensions that are added up side by side."""


@dataclass(frozen=True)
class Fidelity:
    """Mean distances to the nearest neighbour, in standardised units; 0 is perfect.

    One direction alone misleads: spread alone brings visits close to a buffer, and one
    well-chosen state brings a buffer close to the visits.
    """

    visits_to_buffer: float
    buffer_to_visits: float


def buffer_fidelity(
    visits: FloatArray,
    buffer: FloatArray,
    mean: FloatArray,
    std: FloatArray,
    dimensions: Sequence[int],
) -> Fidelity:
    """Compare visited states with buffer states of one task, any number of either.

    Distance is L2 over the dimensions that vary of (s - mean) / (std + 1e-3);
    neighbours are exact.

    Args:
        visits: raw, (V, O).
        buffer: raw, (B, O).
        mean: of the task's data set, (O,).
        std: of the task's data set, (O,).
        dimensions: the suite's `distance_dimensions`.

    Raises:
        DataError: an empty set, a value that is not finite, widths that differ, no
            dimension that varies.
    """
    space = DataSpace.of_moments(mean, std, dimensions)
    check_states("visits", visits, len(mean))
    check_states("buffer", buffer, len(mean))
    visited = space.points(visits)
    kept = space.points(buffer)
    return Fidelity(
        visits_to_buffer=mean_nearest(visited, kept),
        buffer_to_visits=mean_nearest(kept, visited),
    )


def mean_nearest(
    queries: FloatArray,
    points: FloatArray,
) -> float:
    """Mean L2 distance from each query (Q, D) to its nearest point (P, D), exact."""
    index = nearest(queries, points)
    return float(np.mean(_lengths(queries - points[index])))


def _lengths(difference_QD: FloatArray) -> FloatArray:
    """L2 norms (Q,), added up four dimensions side by side.

    Results so far were measured by a tree of scipy's, which adds up so; numpy's norm
    differs in the last bit.
    """
    squared_QD = difference_QD**2
    dimensions = squared_QD.shape[1]
    whole = dimensions - dimensions % TOGETHER
    sums = np.zeros((len(squared_QD), TOGETHER))
    for first in range(0, whole, TOGETHER):
        sums += squared_QD[:, first : first + TOGETHER]
    length_Q = np.zeros(len(squared_QD))
    for column in range(TOGETHER):
        length_Q += sums[:, column]
    for column in range(whole, dimensions):
        length_Q += squared_QD[:, column]
    return np.sqrt(length_Q)


def check_states(
    name: str,
    states: FloatArray,
    width: int,
) -> None:
    """Refuse states that are none, of another width than the data's or not finite.

    Raises:
        DataError: names them, and their shape or the row.
    """
    if states.ndim != 2 or not len(states) or states.shape[1] != width:
        wanted = f"at least one row of {width} columns is needed"
        raise DataError(f"{name} have shape {states.shape}; {wanted}")
    finite = np.isfinite(states).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise DataError(f"{name}: row {row} holds a value that is not finite")
