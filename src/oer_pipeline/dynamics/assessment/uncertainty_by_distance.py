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
    model: TransitionModel,
    heldout: Trajectories,
    draws: torch.Generator,
) -> dict[str, dict[str, Any]]:
    """Per heuristic of uncertainty.py, on held-out rows (`inside`) and where the data
    have none:

    `spearman`: rank correlation with the true error, inside; null where either is
    constant. The error is the L2 norm of the ensemble mean's over standardised outputs.
    `error_by_decile`: that error's mean in ten equal groups of rows, from the least to
    the most uncertain; ten nulls where there are fewer rows. `inside`, `random_action`,
    `perturbed_state` (made by `outside_the_data`): the 0.1, 0.5 and 0.9 quantiles of
    the uncertainty there. `auroc`: the probability that a pair from outside is more
    uncertain than a held-out one, 0.5 where the model can't tell, for either outside.
    What happens outside is unknown, so there is no error to compare with.

    Args:
        model: to assess.
        heldout: B rows.
        draws: decide what lies outside.
    """
    observation = torch.from_numpy(heldout.observation)
    action = torch.from_numpy(heldout.action)
    inside = (observation, action)
    mean, _ = model.standardised(*inside)
    error_BP = mean.mean(dim=0) - standardised_targets(model, heldout)
    error_B = error_BP.norm(dim=1).double().numpy()
    moments = {"inside": model.standardised(*inside)}
    for place, pairs in outside_the_data(model, inside, draws).items():
        moments[place] = model.standardised(*pairs)
    judged = {}
    for name, heuristic in HEURISTICS.items():
        uncertainty = {}
        for place, (mean, log_sigma) in moments.items():
            uncertainty[place] = heuristic(mean, log_sigma).double().numpy()
        judged[name] = _judge(uncertainty, error_B)
    return judged


def outside_the_data(
    model: TransitionModel,
    inside: Pairs,
    draws: torch.Generator,
) -> dict[str, Pairs]:
    """Pairs that the data do not hold, made from those that they do.

    `random_action`: the data's states, with actions uniform in the box that the data's
    actions span; `perturbed_state`: the data's actions, at states that standard normal
    noise has moved by the dimensions' own standard deviations.

    Args:
        model: has the statistics of its data.
        inside: pairs that the data hold.
        draws: of actions and noise.
    """
    observation, action = inside
    low = action.amin(dim=0)
    high = action.amax(dim=0)
    uniform = torch.rand(action.shape, generator=draws)
    noise = torch.randn(observation.shape, generator=draws)
    random_action = low + (high - low) * uniform
    std = model.inputs.std[: model.observation_size]
    perturbed_state = observation + noise * std
    return {
        "random_action": (observation, random_action),
        "perturbed_state": (perturbed_state, action),
    }


def _judge(
    uncertainty: dict[str, FloatArray],
    error_B: FloatArray,
) -> dict[str, Any]:
    inside = uncertainty["inside"]
    judged: dict[str, Any] = {
        "spearman": spearman(inside, error_B),
        "error_by_decile": _error_by_decile(inside, error_B),
    }
    areas = {}
    for place, values in uncertainty.items():
        judged[place] = np.quantile(values, QUANTILES).tolist()
        if place != "inside":
            areas[place] = auroc(inside, values)
    judged["auroc"] = areas
    return judged


def _error_by_decile(
    uncertainty_B: FloatArray,
    error_B: FloatArray,
) -> list[float | None]:
    if len(error_B) < BINS:
        return [None] * BINS
    ordered = error_B[np.argsort(uncertainty_B, kind="stable")]
    groups = np.array_split(ordered, BINS)
    return [float(group.mean()) for group in groups]


def spearman(
    a: FloatArray,
    b: FloatArray,
) -> float | None:
    """Rank correlation of a (B,) and b (B,), None where either is constant."""
    from scipy.stats import rankdata

    ranks_a = rankdata(a)
    ranks_b = rankdata(b)
    if np.ptp(ranks_a) == 0 or np.ptp(ranks_b) == 0:
        return None
    return float(np.corrcoef(ranks_a, ranks_b)[0, 1])


def auroc(
    low: FloatArray,
    high: FloatArray,
) -> float:
    """The probability that a value of `high` exceeds one of `low`, ties counted half:
    the area under the ROC curve, by the rank sum (Mann & Whitney 1947)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate((low, high)))[len(low) :]
    least = len(high) * (len(high) + 1) / 2
    return float((ranks.sum() - least) / (len(low) * len(high)))
