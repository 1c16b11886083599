"""Where in an episode a buffer loses the policy, and whether the transition model is to
blame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.metrics.judging import Space
from oer_pipeline.trajectories.table import Trajectories

PARTS = 4


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

    For every buffer (rows of `data`), the mean distance from the states visited in that
    quarter to the nearest buffer state; as `model error` the mean distance from the
    ensemble's one-step prediction at a visit to what came of it.
    """
    space = Space.of(data.observation, dimensions)
    quarter = np.minimum(visits.step * PARTS // horizon, PARTS - 1)
    distances = {
        name: space.distances(visits.observation, data.observation[rows])
        for name, rows in buffers.items()
    }
    predicted = model.mean_next(
        torch.from_numpy(visits.observation), torch.from_numpy(visits.scaled().action)
    ).numpy()
    missed = np.linalg.norm(
        space.points(predicted) - space.points(visits.next_observation), axis=1
    )
    return {
        name: _by_quarter(values, quarter)
        for name, values in {**distances, "model error": missed}.items()
    }


def _by_quarter(values: FloatArray, quarter: IntArray) -> FloatArray:
    return np.array(
        [
            values[quarter == q].mean() if (quarter == q).any() else np.nan
            for q in range(PARTS)
        ]
    )
