"""Does an interval that claims 90 % hold the truth in 90 % of cases? Coverage of
central intervals on held-out rows.

Shapes: E members, V held-out rows, O observation, P outputs that vary, L levels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from oer_pipeline.dynamics.assessment.accuracy import (
    per_dimension,
    standardised_targets,
)
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.trajectories.table import Trajectories

LEVELS = (*(round(0.05 * n, 2) for n in range(1, 20)), 0.99)


def calibration(
    model: TransitionModel,
    heldout: Trajectories,
) -> dict[str, Any]:
    """`nominal` coverage (L,) against `empirical`, averaged over the outputs that vary;
    `error`, their mean difference.

    An interval is central in the equal mixture of the members' Gaussians, one output at
    a time: with the mixture's distribution function F it holds y if |2 F(y) - 1| <=
    nominal. `by_dimension` is (O + 1, L), null where constant. Above the nominal value
    the model is too cautious, below it too sure.
    """
    observation = torch.from_numpy(heldout.observation)
    action = torch.from_numpy(heldout.action)
    mean, log_sigma = model.standardised(observation, action)
    score_EVP = (standardised_targets(model, heldout) - mean) * torch.exp(-log_sigma)
    probability_VP = torch.special.ndtr(score_EVP).mean(dim=0)
    needed_VP = (2.0 * probability_VP - 1.0).abs().numpy()
    covered = [(needed_VP <= level).mean(axis=0) for level in LEVELS]
    covered_PL = np.stack(covered, axis=1)
    empirical = covered_PL.mean(axis=0)
    return {
        "nominal": list(LEVELS),
        "empirical": empirical.tolist(),
        "error": float(np.abs(empirical - np.array(LEVELS)).mean()),
        "by_dimension": per_dimension(model, covered_PL),
    }
