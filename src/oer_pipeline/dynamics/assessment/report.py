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

TRAINING_ROWS, HELDOUT_ROWS = (
    100_000,
    20_000,
)  # at most, drawn; bounds time and memory whatever the data's size


def report(
    model: TransitionModel, data: Trajectories, heldout: BoolArray, seed: int
) -> dict[str, Any]:
    """JSON-able, a function of its arguments alone; `heldout` (N,) marks rows of
    `data`, whole episodes of them.

    `rmse`, `standardised_rmse` and `nll` per predictor (accuracy.py), `calibration`,
    `open_loop` and `uncertainty` (uncertainty_by_distance.py), all over rows whose s'
    is known. The model has not been trained on held-out episodes, but they did decide
    when its training stopped. Data without rewards: lists per dimension end with s',
    and `rewards` is false.

    Raises:
        DataError: a mask that does not fit the data or leaves one side empty; a model
            of other sizes.
    """
    known = data.known
    fits = heldout.shape == known.shape
    if not (fits and (heldout & known).any() and (~heldout & known).any()):
        raise DataError(
            f"held-out mask of shape {heldout.shape} with {int(heldout.sum())} rows;"
            f" the data have {len(data)} rows, and both sides need at least one"
        )
    draws = generator("dynamics/report", seed, 0)
    training = data.select(_some(~heldout & known, TRAINING_ROWS, draws))
    judged = data.select(_some(heldout & known, HELDOUT_ROWS, draws))
    linear = LinearModel.fit(model.inputs, training)
    made = {
        **accuracy(model, linear, training, judged),
        "calibration": calibration(model, judged),
        "open_loop": open_loop(model, linear, data.select(heldout & known), draws),
        "uncertainty": uncertainty_by_distance(model, judged, draws),
    }
    return made if data.reward is not None else _without_reward(made)


def _without_reward(made: dict[str, Any]) -> dict[str, Any]:
    """The report without the reward's place in what it lists per dimension of (s',
    r)."""
    measured = made["calibration"]
    shorter = {**measured, "by_dimension": measured["by_dimension"][:-1]}
    lists = {key: {n: v[:-1] for n, v in made[key].items()} for key in ("rmse", "nll")}
    return {**made, **lists, "calibration": shorter, "rewards": False}


def _some(mask: BoolArray, most: int, draws: torch.Generator) -> BoolArray:
    """The mask's rows, or `most` of them."""
    rows = np.flatnonzero(mask)
    chosen = rows[torch.randperm(len(rows), generator=draws)[:most].numpy()]
    kept = np.zeros_like(mask)
    kept[chosen] = True
    return kept
