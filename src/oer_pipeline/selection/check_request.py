"""What a selector is asked with, checked before any work: the transition model, policy
and critic fit the data, and what they answer is finite.

Shapes: B batch, O observation, A action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.trajectories.table import Trajectories

SAME = 1e-3
"""Standard deviations by which the means of a model's data may differ from those of the
data to choose from."""
MISFIT = (ValueError, RuntimeError, IndexError)
"""What numpy and torch raise for shapes that do not fit."""


def check_finite(
    what: str,
    values: FloatArray,
    data: Trajectories,
    rows: IntArray,
) -> None:
    """Refuse values that are not finite, by the episode and step of the first.

    Episode and step, because a selector may see the data in another order than they
    have in their file.

    Args:
        what: the values are, for the error.
        values: (B, ...), one per row.
        data: the rows are of.
        rows: (B,).

    Raises:
        DataError: names what, where, and the value.
    """
    finite_B = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if finite_B.all():
        return
    first = int(np.flatnonzero(~finite_B)[0])
    row = int(rows[first])
    where = f"episode {data.episode[row]}, step {data.step[row]} of the data"
    value = np.asarray(values[first]).tolist()
    raise DataError(f"{what} at {where} is not finite: {value}")


def check_model(
    model: TransitionModel,
    data: Trajectories,
) -> None:
    """Refuse a model of other sizes than the data's, or that was fitted to other data.

    Raises:
        DataError: names the sizes, or the dimension whose mean differs.
    """
    observations = data.observation.shape[1]
    actions = data.action.shape[1]
    if (model.observation_size, model.action_size) != (observations, actions):
        fitted = f"{model.observation_size} observation and {model.action_size} action"
        actual = f"the data have {observations} and {actions}"
        raise DataError(f"transition model of {fitted} dimensions; {actual}")
    fitted_mean = _float64(model.inputs.mean)
    fitted_std = _float64(model.inputs.std)
    data_mean = _input_mean(data)
    rounding = 1e-5 * np.abs(fitted_mean) + 1e-6  # of float32
    tolerance = SAME * fitted_std + rounding
    different = np.flatnonzero(np.abs(data_mean - fitted_mean) > tolerance)
    if not len(different):
        return
    dimension = int(different[0])
    name = f"observation {dimension}"
    if dimension >= observations:
        name = f"action {dimension - observations}"
    raise DataError(
        f"this transition model was fitted to other data: the mean of {name} was"
        f" {fitted_mean[dimension]:.6g} there and is {data_mean[dimension]:.6g} here;"
        " fit one to these data"
    )


def _float64(values: Tensor) -> FloatArray:
    return values.cpu().numpy().astype(np.float64)


def _input_mean(data: Trajectories) -> FloatArray:
    """Mean (O + A,) of (s, a), over the rows that a model is fitted to."""
    observation = data.observation[data.known].mean(axis=0, dtype=np.float64)
    action = data.action[data.known].mean(axis=0, dtype=np.float64)
    return np.concatenate([observation, action])


def check_networks(
    data: Trajectories,
    act: Callable[..., Any],
    critic: Callable[..., Any] | None,
) -> None:
    """Refuse a policy or critic that does not take one row of the data, or answers in
    another shape.

    Args:
        data: of the task.
        act: pi_n: (B, O) -> (B, A).
        critic: Q: (B, O), (B, A) -> (B,); None: there is none.

    Raises:
        DataError: names which of them.
    """
    observation = data.observation[:1]
    action = data.action[:1]
    _try("the policy", lambda: act(observation), action.shape)
    if critic is not None:
        _try("the critic", lambda: critic(observation, action), (1,))


def _try(
    name: str,
    ask: Callable[[], Any],
    wanted: tuple[int, ...],
) -> None:
    try:
        shape = np.asarray(ask()).shape
    except MISFIT as error:
        problem = f"does not take the data's observations and actions: {error}"
        raise DataError(f"{name} {problem}") from error
    if shape != wanted:
        problem = f"answers one row of the data with shape {shape}, not {wanted}"
        raise DataError(f"{name} {problem}")
