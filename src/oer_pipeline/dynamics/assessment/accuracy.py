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

from oer_pipeline.common.standardisation import CONSTANT
from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.assessment.linear import LinearModel
from oer_pipeline.dynamics.inputs_and_targets import targets_of
from oer_pipeline.dynamics.model import TransitionModel
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

    Args:
        model: to assess.
        linear: fitted to the training rows.
        training: N rows.
        heldout: V rows.
    """
    targets = targets_of(heldout)
    training_targets = targets_of(training)
    no_change = _no_change(training)
    fitted = linear.predict(training.observation, training.action)
    predicted = linear.predict(heldout.observation, heldout.action)
    rmse = {
        "ensemble": _rms(_ensemble_mean(model, heldout) - targets),
        "no_change": _rms(no_change - targets),
        "linear": _rms(predicted - targets),
    }
    width = {
        "no_change": _rms(no_change - training_targets),
        "linear": _rms(fitted - training_targets),
    }
    varying = model.outputs.varying.cpu().numpy()
    scale = model.outputs.std.double().cpu().numpy()[varying]
    nll = {"ensemble": per_dimension(model, _mixture_nll(model, heldout))}
    for name in width:
        values = _gaussian_nll(
            rmse[name][varying] / scale, width[name][varying] / scale
        )
        nll[name] = per_dimension(model, values)
    standardised = {}
    for name, error in rmse.items():
        standardised[name] = float(_rms(error[varying] / scale))
    return {
        "rmse": {name: error.tolist() for name, error in rmse.items()},
        "standardised_rmse": standardised,
        "nll": nll,
    }


def standardised_targets(
    model: TransitionModel,
    data: Trajectories,
) -> torch.Tensor:
    """(s' - s, r) in the model's standardised units, varying dimensions alone, (N,
    P)."""
    targets = torch.from_numpy(targets_of(data))
    return model.outputs.standardise(targets)[:, model.outputs.varying]


def per_dimension(
    model: TransitionModel,
    values_P: FloatArray,
) -> list[Any]:
    """Values of the outputs that vary at their places among all (O + 1), None for the
    others.

    Args:
        model: says which outputs vary.
        values_P: of those.
    """
    values: list[Any] = [None] * (model.observation_size + 1)
    varying = model.outputs.varying.tolist()
    for dimension, value in zip(varying, values_P.tolist(), strict=True):
        values[dimension] = value
    return values


def _ensemble_mean(
    model: TransitionModel,
    data: Trajectories,
) -> FloatArray:
    observation = torch.from_numpy(data.observation)
    mean, _ = model.predict(observation, torch.from_numpy(data.action))
    return np.asarray(mean.mean(dim=0).numpy())


def _no_change(training: Trajectories) -> FloatArray:
    """(s' - s, r) of a state that stays and the mean reward, (1, O + 1)."""
    change = np.zeros((1, training.observation.shape[1] + 1))
    if training.reward is not None:
        change[0, -1] = training.reward.mean(dtype=np.float64)
    return change


def _rms(errors: FloatArray) -> FloatArray:
    """Root mean square over rows."""
    squares = np.mean(errors**2, axis=0, dtype=np.float64)
    return np.asarray(np.sqrt(squares))


def _mixture_nll(
    model: TransitionModel,
    data: Trajectories,
) -> FloatArray:
    """Of the members' equal mixture, mean over rows, (P,)."""
    observation = torch.from_numpy(data.observation)
    action = torch.from_numpy(data.action)
    mean, log_sigma = model.standardised(observation, action)
    error_EVP = (standardised_targets(model, data) - mean) * torch.exp(-log_sigma)
    log_density = -0.5 * error_EVP.square() - log_sigma
    constant = 0.5 * math.log(2.0 * math.pi)
    constant += math.log(model.members)
    nll_VP = constant - torch.logsumexp(log_density, dim=0)
    return np.asarray(nll_VP.double().mean(dim=0).numpy())


def _gaussian_nll(
    rms_P: FloatArray,
    width_P: FloatArray,
) -> FloatArray:
    """Mean over rows whose errors have this root mean square; a width is at least
    1e-6."""
    sigma = np.maximum(width_P, CONSTANT)
    squared = (rms_P / sigma) ** 2
    constant = 0.5 * np.log(2.0 * np.pi)
    return np.asarray(constant + np.log(sigma) + 0.5 * squared)
