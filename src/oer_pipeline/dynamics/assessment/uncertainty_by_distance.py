"""Does the model know where it errs? Its uncertainty against true errors, and inside
the data against outside.

Shapes: B rows, E members, P outputs that vary.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.assessment.accuracy import standardised_targets
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.dynamics.uncertainty import HEURISTICS
from oer_pipeline.trajectories.table import Trajectories

QUANTILES = (0.1, 0.5, 0.9)
BINS = 10
Pairs = tuple[Tensor, Tensor]
"""Observations (B, O) and actions (B, A)."""


def uncertainty_by_distance(
    model: TransitionModel, heldout: Trajectories, draws: torch.Generator
) -> dict[str, dict[str, Any]]:
    """Per heuristic of uncertainty.py, on held-out rows (`inside`) and where the data
    have none:

    `spearman`: rank correlation with the true error, inside; null where either is
    constant. The error is the L2 norm of the ensemble mean's over standardised outputs.
    `error_by_decile`: that error's mean in ten equal groups of rows, from the least to
    the most uncertain. `inside`, `random_action`, `perturbed_state` (see `outside`):
    the 0.1, 0.5 and 0.9 quantiles of the uncertainty there. `auroc`: the probability
    that a pair from outside is more uncertain than a held-out one, 0.5 where the model
    can't tell, for either outside. What happens outside is unknown, so there is no
    error to compare with.
    """
    inside = torch.from_numpy(heldout.observation), torch.from_numpy(heldout.action)
    mean, _ = model.standardised(*inside)
    error_B = (
        (mean.mean(dim=0) - standardised_targets(model, heldout))
        .norm(dim=1)
        .double()
        .numpy()
    )
    places = {"inside": inside, **outside(model, inside, draws)}
    moments = {place: model.standardised(*pairs) for place, pairs in places.items()}
    return {
        name: _judge(
            {
                place: heuristic(*found).double().numpy()
                for place, found in moments.items()
            },
            error_B,
        )
        for name, heuristic in HEURISTICS.items()
    }


def outside(
    model: TransitionModel, inside: Pairs, draws: torch.Generator
) -> dict[str, Pairs]:
    """Pairs that the data do not hold, made from those that they do.

    `random_action`: the data's states, with actions uniform in the box that the data's
    actions span; `perturbed_state`: the data's actions, at states that standard normal
    noise has moved by the dimensions' own standard deviations.
    """
    observation, action = inside
    low, high = action.amin(dim=0), action.amax(dim=0)
    uniform = torch.rand(action.shape, generator=draws)
    noise = torch.randn(observation.shape, generator=draws)
    return {
        "random_action": (observation, low + (high - low) * uniform),
        "perturbed_state": (
            observation + noise * model.inputs.std[: model.observation_size],
            action,
        ),
    }


def _judge(uncertainty: dict[str, FloatArray], error_B: FloatArray) -> dict[str, Any]:
    inside = uncertainty["inside"]
    groups = np.array_split(
        error_B[np.argsort(inside, kind="stable")], min(BINS, len(error_B))
    )
    return {
        "spearman": spearman(inside, error_B),
        "error_by_decile": [float(group.mean()) for group in groups],
        **{
            place: np.quantile(values, QUANTILES).tolist()
            for place, values in uncertainty.items()
        },
        "auroc": {
            place: auroc(inside, values)
            for place, values in uncertainty.items()
            if place != "inside"
        },
    }


def spearman(a: FloatArray, b: FloatArray) -> float | None:
    """Rank correlation of a (B,) and b (B,), None where either is constant."""
    from scipy.stats import rankdata

    ranks = rankdata(a), rankdata(b)
    if min(np.ptp(r) for r in ranks) == 0:
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def auroc(low: FloatArray, high: FloatArray) -> float:
    """The probability that a value of `high` exceeds one of `low`, ties counted
    half."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate((low, high)))[len(low) :]
    return float(
        (ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high))
    )
