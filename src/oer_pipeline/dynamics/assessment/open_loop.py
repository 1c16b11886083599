"""How far predictions drift when they feed on themselves: k steps along the actions of
held-out episodes.

Shapes: V held-out rows, S starts, O observation, A action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.dynamics.assessment.linear import LinearModel
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.trajectories.table import Trajectories

STEPS = (1, 5, 20, 50)
STARTS = 500
Predict = Callable[[FloatArray, FloatArray], FloatArray]
"""Observations (S, O) and actions (S, A) to next observations (S, O)."""


def open_loop(
    model: TransitionModel,
    linear: LinearModel,
    heldout: Trajectories,
    draws: torch.Generator,
) -> dict[str, Any]:
    """Errors of states predicted k steps ahead: the ensemble's mean iterated, `linear`
    iterated, and `no_change`.

    An error is the root mean square over the observation dimensions that vary, in their
    standard deviations; its mean is over up to 500 rows drawn from `heldout` (whole
    episodes), those whose episodes last k steps more: `starts` says how many. Null
    where there are none or where the prediction has left the range of numbers.

    Args:
        model: to assess.
        linear: a reference.
        heldout: V rows, whole episodes.
        draws: decide where predictions start.
    """
    order = torch.randperm(len(heldout), generator=draws)
    starts = order[:STARTS].sort().values.numpy()
    std = model.inputs.std[: model.observation_size].double().cpu().numpy()

    def ensemble(
        s: FloatArray,
        a: FloatArray,
    ) -> FloatArray:
        observation = torch.from_numpy(s.astype(np.float32))
        predicted = model.mean_next(observation, torch.from_numpy(a))
        return np.asarray(predicted.double().numpy())

    def no_change(
        s: FloatArray,
        a: FloatArray,
    ) -> FloatArray:
        return s

    def linearly(
        s: FloatArray,
        a: FloatArray,
    ) -> FloatArray:
        return np.asarray(s + linear.predict(s, a)[:, :-1])

    left = _rows_left(heldout)[starts]
    return {
        "steps": list(STEPS),
        "starts": [int((left >= steps).sum()) for steps in STEPS],
        "ensemble": _errors(ensemble, heldout, starts, left, std),
        "no_change": _errors(no_change, heldout, starts, left, std),
        "linear": _errors(linearly, heldout, starts, left, std),
    }


def _rows_left(data: Trajectories) -> IntArray:
    """Rows from each one to its episode's end, itself included, (V,)."""
    ends = np.repeat(data.starts + data.lengths, data.lengths)
    return np.asarray(ends - np.arange(len(data)))


def _errors(
    predict: Predict,
    data: Trajectories,
    starts_S: IntArray,
    left_S: IntArray,
    std: FloatArray,
) -> list[float | None]:
    """One number for each of STEPS."""
    varying = std > 0
    dimensions = max(1, int(varying.sum()))
    states_SO = data.observation[starts_S].astype(np.float64)
    errors: list[float | None] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(1, max(STEPS) + 1):
            going = left_S >= step
            rows = starts_S[going] + step - 1
            states_SO[going] = predict(states_SO[going], data.action[rows])
            if step in STEPS:
                difference = states_SO[going] - data.next_observation[rows]
                standardised = difference[:, varying] / std[varying]
                squares = np.sum(standardised**2, axis=1)
                errors.append(_mean(np.sqrt(squares / dimensions)))
    return errors


def _mean(errors: FloatArray) -> float | None:
    """None of nothing, or where an error has left the range of numbers."""
    if not len(errors) or not np.isfinite(errors).all():
        return None
    return float(errors.mean())
