"""Buffer fidelity: does a buffer look like what the deployed policy visits?

That is the paper's claim, measured (method, section 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray

EPSILON = 1e-3  # of the standardisation (method, section 2)
CONSTANT = (
    1e-6  # dimensions that vary less take no part in distances (method, section 5)
)


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
    """Compare visited states (V, O) with buffer states (B, O) of one task, both raw;
    any V and B, memory O(V + B).

    Distance is L2 over `dimensions` (the suite's `distance_dimensions`) of (s - mean) /
    (std + 1e-3), with the (O,) statistics of the task's data set; neighbours are exact.

    Raises:
        DataError: an empty set, a value that is not finite, widths that differ, no
            dimension that varies.
    """
    columns = [d for d in dimensions if std[d] >= CONSTANT]
    if not columns:
        raise DataError(
            f"none of the distance dimensions {list(dimensions)} varies in the data set"
        )
    for name, states in (("visits", visits), ("buffer", buffer)):
        _check(name, states, len(mean))
    scale = np.asarray(std, np.float64)[columns] + EPSILON
    visited, kept = (
        (s[:, columns].astype(np.float64) - mean[columns]) / scale
        for s in (visits, buffer)
    )
    return Fidelity(mean_nearest(visited, kept), mean_nearest(kept, visited))


def mean_nearest(queries: FloatArray, points: FloatArray) -> float:
    """Mean L2 distance from each query (Q, D) to its nearest point (P, D), exact."""
    from scipy.spatial import cKDTree

    distances, _ = cKDTree(points).query(queries)
    return float(np.mean(distances))


def _check(name: str, states: FloatArray, width: int) -> None:
    if states.ndim != 2 or not len(states) or states.shape[1] != width:
        raise DataError(
            f"{name} have shape {states.shape}; at least one row of {width} columns is"
            " needed"
        )
    if not np.isfinite(states).all():
        row = int(np.argwhere(~np.isfinite(states))[0, 0])
        raise DataError(f"{name}: row {row} holds a value that is not finite")
