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
    """
    starts = (
        torch.randperm(len(heldout), generator=draws)[:STARTS].sort().values.numpy()
    )
    std = model.inputs.std[: model.observation_size].double().cpu().numpy()

    def ensemble(s: FloatArray, a: FloatArray) -> FloatArray:
        return (
            model.mean_next(torch.from_numpy(s.astype(np.float32)), torch.from_numpy(a))
            .double()
            .numpy()
        )

    ways: dict[str, Predict] = {
        "ensemble": ensemble,
        "no_change": lambda s, _: s,
        "linear": lambda s, a: s + linear.predict(s, a)[:, :-1],
    }
    left = _rows_left(heldout)[starts]
    return {
        "steps": list(STEPS),
        "starts": [int((left >= k).sum()) for k in STEPS],
        **{
            name: _errors(predict, heldout, starts, left, std)
            for name, predict in ways.items()
        },
    }


def _rows_left(data: Trajectories) -> IntArray:
    """Rows from each one to its episode's end, itself included, (V,)."""
    return np.asarray(
        np.repeat(data.starts + data.lengths, data.lengths) - np.arange(len(data))
    )


def _errors(
    predict: Predict,
    data: Trajectories,
    starts_S: IntArray,
    left_S: IntArray,
    std: FloatArray,
) -> list[float | None]:
    states_SO, varying = data.observation[starts_S].astype(np.float64), std > 0
    errors: list[float | None] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(1, max(STEPS) + 1):
            going = left_S >= k
            rows = starts_S[going] + k - 1
            states_SO[going] = predict(states_SO[going], data.action[rows])
            if k in STEPS:
                off = (states_SO[going] - data.next_observation[rows])[
                    :, varying
                ] / std[varying]
                errors.append(
                    _mean(np.sqrt(np.sum(off**2, axis=1) / max(1, off.shape[1])))
                )
    return errors


def _mean(errors: FloatArray) -> float | None:
    return float(errors.mean()) if len(errors) and np.isfinite(errors).all() else None
