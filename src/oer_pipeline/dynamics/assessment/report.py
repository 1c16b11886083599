"""The report on a transition model: how well it predicts, how far, and whether it knows
how well."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray
from oer_pipeline.dynamics.assessment.accuracy import accuracy
from oer_pipeline.dynamics.assessment.calibration import calibration
from oer_pipeline.dynamics.assessment.linear import LinearModel
from oer_pipeline.dynamics.assessment.open_loop import open_loop
from oer_pipeline.dynamics.assessment.uncertainty_by_distance import (
    uncertainty_by_distance,
)
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.networks.randomness import generator
from oer_pipeline.trajectories.table import Trajectories

TRAINING_ROWS = 100_000
HELDOUT_ROWS = 20_000
"""At most, drawn: bounds time and memory whatever the data's size."""


def report(
    model: TransitionModel,
    data: Trajectories,
    heldout: BoolArray,
    seed: int,
) -> dict[str, Any]:
    """JSON-able, a function of its arguments alone.

    `rmse`, `standardised_rmse` and `nll` per predictor (accuracy.py), `calibration`,
    `open_loop` and `uncertainty` (uncertainty_by_distance.py), all over rows whose s'
    is known. The model has not been trained on held-out episodes, but they did decide
    when its training stopped. Data without rewards: lists per dimension end with s',
    and `rewards` is false.

    Args:
        model: fitted to the rows that are not held out.
        data: of the task.
        heldout: marks rows of the data, whole episodes of them, (N,).
        seed: of the draws.

    Raises:
        DataError: a mask that does not fit the data or leaves one side empty; a model
            of other sizes.
    """
    known = data.known
    if heldout.shape != known.shape:
        raise _unfit(heldout, data)
    heldout_known = heldout & known
    training_known = ~heldout & known
    if not heldout_known.any() or not training_known.any():
        raise _unfit(heldout, data)
    draws = generator("dynamics/report", seed, 0)
    training = data.select(_some(training_known, TRAINING_ROWS, draws))
    judged = data.select(_some(heldout_known, HELDOUT_ROWS, draws))
    linear = LinearModel.fit(model.inputs, training)
    assessment = accuracy(
        model,
        linear,
        training,
        judged,
    )
    assessment["calibration"] = calibration(model, judged)
    episodes = data.select(heldout_known)
    assessment["open_loop"] = open_loop(
        model,
        linear,
        episodes,
        draws,
    )
    assessment["uncertainty"] = uncertainty_by_distance(model, judged, draws)
    if data.reward is None:
        _leave_out_reward(assessment)
    return assessment


def _unfit(
    heldout: BoolArray,
    data: Trajectories,
) -> DataError:
    mask = f"held-out mask of shape {heldout.shape} with {int(heldout.sum())} rows"
    wanted = f"the data have {len(data)} rows, and both sides need at least one"
    return DataError(f"{mask}; {wanted}")


def _leave_out_reward(assessment: dict[str, Any]) -> None:
    """Take the reward's place from what is listed per dimension of (s', r)."""
    for measure in ("rmse", "nll"):
        for name, values in assessment[measure].items():
            assessment[measure][name] = values[:-1]
    by_dimension = assessment["calibration"]["by_dimension"]
    assessment["calibration"]["by_dimension"] = by_dimension[:-1]
    assessment["rewards"] = False


def _some(
    mask: BoolArray,
    most: int,
    draws: torch.Generator,
) -> BoolArray:
    """The mask's rows, or `most` of them."""
    rows = np.flatnonzero(mask)
    order = torch.randperm(len(rows), generator=draws).numpy()
    chosen = rows[order[:most]]
    kept = np.zeros_like(mask)
    kept[chosen] = True
    return kept
