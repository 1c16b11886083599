"""How well a transition model predicts one step of held-out transitions, beside two
references it has to beat.

Shapes: N training rows, V held-out rows, E members, O observation, P outputs that vary;
lists are per dimension of (s', r), (O + 1,).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.assessment.linear import LinearModel
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.dynamics.statistics import CONSTANT
from oer_pipeline.dynamics.table import targets_of
from oer_pipeline.trajectories.table import Trajectories


def accuracy(
    model: TransitionModel,
    linear: LinearModel,
    training: Trajectories,
    heldout: Trajectories,
) -> dict[str, Any]:
    """Errors of the ensemble, of `no_change` (s' = s, r = the training mean) and of
    `linear` on the held-out rows.

    `rmse`: of the ensemble's mean, in raw units. `standardised_rmse`: one number each,
    over the dimensions that vary, in standard deviations of the change. `nll`: negative
    log-likelihood in nats of the outputs so standardised, null where constant; the
    ensemble's is that of its mixture, a reference's that of a Gaussian as wide as its
    residuals in training.
    """
    truth, change = targets_of(heldout), _no_change(training)
    fitted = {
        "no_change": change,
        "linear": linear.predict(training.observation, training.action),
    }
    predicted = {
        "ensemble": _ensemble_mean(model, heldout),
        "no_change": change,
        "linear": linear.predict(heldout.observation, heldout.action),
    }
    rmse = {name: _rms(prediction - truth) for name, prediction in predicted.items()}
    widths = {
        name: _rms(prediction - targets_of(training))
        for name, prediction in fitted.items()
    }
    varying, scale = (
        model.outputs.varying.cpu().numpy(),
        model.outputs.std.double().cpu().numpy(),
    )
    nll = {"ensemble": _mixture_nll(model, heldout)}
    for name, width in widths.items():
        nll[name] = _gaussian_nll(
            rmse[name][varying] / scale[varying], width[varying] / scale[varying]
        )
    return {
        "rmse": {name: error.tolist() for name, error in rmse.items()},
        "standardised_rmse": {
            name: float(_rms(e[varying] / scale[varying])) for name, e in rmse.items()
        },
        "nll": {name: per_dimension(model, values) for name, values in nll.items()},
    }


def standardised_targets(model: TransitionModel, data: Trajectories) -> torch.Tensor:
    """(s' - s, r) in the model's standardised units, varying dimensions alone, (N,
    P)."""
    return model.outputs.standardise(torch.from_numpy(targets_of(data)))[
        :, model.outputs.varying
    ]


def per_dimension(model: TransitionModel, values_P: FloatArray) -> list[float | None]:
    """Values of the outputs that vary at their places among all (O + 1), None
    elsewhere."""
    varying = model.outputs.varying.tolist()
    found = dict(zip(varying, values_P.tolist(), strict=True))
    return [found.get(dimension) for dimension in range(model.observation_size + 1)]


def _ensemble_mean(model: TransitionModel, data: Trajectories) -> FloatArray:
    mean, _ = model.predict(
        torch.from_numpy(data.observation), torch.from_numpy(data.action)
    )
    return np.asarray(mean.mean(dim=0).numpy())


def _no_change(training: Trajectories) -> FloatArray:
    change = np.zeros((1, training.observation.shape[1] + 1))
    if training.reward is not None:
        change[0, -1] = training.reward.mean(dtype=np.float64)
    return change


def _rms(errors: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.mean(errors**2, axis=0, dtype=np.float64)))


def _mixture_nll(model: TransitionModel, data: Trajectories) -> FloatArray:
    mean, log_sigma = model.standardised(
        torch.from_numpy(data.observation), torch.from_numpy(data.action)
    )
    log_density = (
        -0.5
        * ((standardised_targets(model, data) - mean) * torch.exp(-log_sigma)).square()
        - log_sigma
    )
    constant = 0.5 * math.log(2.0 * math.pi) + math.log(model.members)
    return np.asarray(
        (constant - torch.logsumexp(log_density, dim=0)).double().mean(dim=0).numpy()
    )


def _gaussian_nll(rms_P: FloatArray, width_P: FloatArray) -> FloatArray:
    """Mean over rows whose errors have this root mean square; a width is at least
    1e-6."""
    sigma = np.maximum(width_P, CONSTANT)
    return np.asarray(
        0.5 * np.log(2.0 * np.pi) + np.log(sigma) + 0.5 * (rms_P / sigma) ** 2
    )
