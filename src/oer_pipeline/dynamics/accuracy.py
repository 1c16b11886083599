"""How well a transition model predicts held-out transitions, beside two references that any model has to beat.

Shapes: N rows, O observation; errors are root mean squares per dimension of (s', r), (O + 1,), raw units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.types import FloatArray


def inputs_of(data: Trajectories) -> FloatArray:
    """(s, a), (N, O + A) float32."""
    return np.concatenate((data.observation, data.action), axis=1)


def targets_of(data: Trajectories) -> FloatArray:
    """(s' - s, r), (N, O + 1) float32."""
    return np.concatenate((data.next_observation - data.observation, data.reward[:, None]), axis=1)


def compare(model: TransitionModel, training: Trajectories, heldout: Trajectories) -> dict[str, Any]:
    """RMSE of the ensemble's mean, of no change (s' = s, r = the training mean) and of linear least squares.

    `rmse` is per dimension; `standardised_rmse` one number each, over the dimensions that vary, in standard deviations.
    """
    predictions = {
        "ensemble": _ensemble_mean(model, heldout),
        "no_change": _no_change(training, heldout),
        "linear": _linear(model.inputs, training, heldout),
    }
    truth = targets_of(heldout)
    rmse = {n: np.sqrt(np.mean((p - truth) ** 2, axis=0, dtype=np.float64)) for n, p in predictions.items()}
    varying, scale = model.outputs.varying.cpu().numpy(), model.outputs.std.cpu().numpy()
    relative = {n: np.sqrt(np.mean((e[varying] / scale[varying]) ** 2)) for n, e in rmse.items()}
    return {
        "rmse": {name: error.tolist() for name, error in rmse.items()},
        "standardised_rmse": {name: float(error) for name, error in relative.items()},
    }


def _ensemble_mean(model: TransitionModel, data: Trajectories) -> FloatArray:
    mean, _ = model.predict(torch.from_numpy(data.observation), torch.from_numpy(data.action))
    return np.asarray(mean.mean(dim=0).numpy())


def _no_change(training: Trajectories, data: Trajectories) -> FloatArray:
    change = np.zeros((1, data.observation.shape[1] + 1))
    change[0, -1] = training.reward.mean(dtype=np.float64)
    return change


def _linear(statistics: Statistics, training: Trajectories, data: Trajectories) -> FloatArray:
    """Least squares on standardised inputs and a constant, minimum norm where inputs are collinear."""

    def design(rows: Trajectories) -> FloatArray:
        standardised = statistics.standardise(torch.from_numpy(inputs_of(rows))).numpy()
        return np.pad(standardised.astype(np.float64), ((0, 0), (0, 1)), constant_values=1.0)

    solution = np.linalg.lstsq(design(training), targets_of(training).astype(np.float64), rcond=1e-6)[0]
    return np.asarray(design(data) @ solution)
