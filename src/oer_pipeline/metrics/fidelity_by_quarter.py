"""Where in an episode a buffer loses the policy, and whether the transition model is to
blame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.metrics.distances import DataSpace
from oer_pipeline.trajectories.table import Trajectories

QUARTERS = 4


def fidelity_by_quarter(
    data: Trajectories,
    visits: Trajectories,
    buffers: Mapping[str, IntArray],
    model: TransitionModel,
    dimensions: Sequence[int],
    horizon: int,
) -> dict[str, FloatArray]:
    """Per quarter of the horizon, (4,), NaN where the policy never gets there;
    distances in standardised units.

    For every buffer, the mean distance from the states visited in that quarter to the
    nearest buffer state; as `model error` the mean distance from the ensemble's
    one-step prediction at a visit to what came of it.

    Args:
        data: of the task.
        visits: what the policy does there.
        buffers: name -> rows of the data.
        model: of the task.
        dimensions: the suite's `distance_dimensions`.
        horizon: steps of an episode.
    """
    space = DataSpace.of(data.observation, dimensions)
    quarter = np.minimum(visits.step * QUARTERS // horizon, QUARTERS - 1)
    means = {}
    for name, rows in buffers.items():
        distance = space.distances(visits.observation, data.observation[rows])
        means[name] = _by_quarter(distance, quarter)
    predicted = model.mean_next(
        torch.from_numpy(visits.observation),
        torch.from_numpy(visits.scaled().action),
    )
    predicted_points = space.points(predicted.numpy())
    actual_points = space.points(visits.next_observation)
    error = np.linalg.norm(predicted_points - actual_points, axis=1)
    means["model error"] = _by_quarter(error, quarter)
    return means


def _by_quarter(
    values: FloatArray,
    quarter: IntArray,
) -> FloatArray:
    means = np.full(QUARTERS, np.nan)
    for number in range(QUARTERS):
        inside = quarter == number
        if inside.any():
            means[number] = values[inside].mean()
    return means
