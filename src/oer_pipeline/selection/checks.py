"""Bad input to a selection, refused before any work is done; each error names the
thing, the value and what is right.

Shapes: B batch, O observation, A action, X anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from oer_pipeline.common import checks as bounds
from oer_pipeline.common.errors import ConfigurationError, DataError, choices
from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.trajectories.table import Trajectories

SAME = 1e-3
"""Standard deviations by which the means of a model's data may differ from those of the
data to choose from."""


def one_of(selector: str, option: str, value: object, known: Collection[str]) -> None:
    """Raise a ConfigurationError unless `value` is one of `known`."""
    if value not in known:
        raise ConfigurationError(
            f"{selector}: {option} is {value!r}; {choices(known, str(value))}"
        )


def count(
    selector: str, option: str, value: object, most: int = bounds.MOST_ROWS
) -> None:
    """Raise a ConfigurationError unless `value` is a whole number from 1 to `most`."""
    bounds.whole(f"{selector}: {option}", value, 1, most)


def fraction(selector: str, option: str, value: object) -> None:
    """Raise a ConfigurationError unless `value` is a number between 0 and 1."""
    bounds.between(f"{selector}: {option}", value, 0.0, 1.0)


def positive(selector: str, option: str, value: object) -> None:
    """Raise a ConfigurationError unless `value` is a number above 0."""
    bounds.between(
        f"{selector}: {option}", value, 0.0, bounds.LARGEST, low_excluded=True
    )


def finite(what: str, values: FloatArray, data: Trajectories, rows: IntArray) -> None:
    """Raise a DataError that names the episode and step of the first of `rows` (B,)
    whose `values` (B, ...) are not.

    Episode and step, because a selector may see the data in another order than they
    have in their file.
    """
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if len(bad):
        row = int(rows[bad[0]])
        where = f"episode {data.episode[row]}, step {data.step[row]} of the data"
        raise DataError(
            f"{what} at {where} is not finite: {np.asarray(values[bad[0]]).tolist()}"
        )


def check_model(model: TransitionModel, data: Trajectories) -> None:
    """Raise a DataError when `model` has other sizes than `data`, or was fitted to
    other data."""
    sizes = data.observation.shape[1], data.action.shape[1]
    if (model.observation_size, model.action_size) != sizes:
        raise DataError(
            f"transition model of {model.observation_size} observation and"
            f" {model.action_size} action dimensions; the data have {sizes[0]} and"
            f" {sizes[1]}"
        )
    theirs, std = (
        s.cpu().numpy().astype(np.float64)
        for s in (model.inputs.mean, model.inputs.std)
    )
    inputs = (
        data.observation[data.known],
        data.action[data.known],
    )  # what it was fitted to
    ours = np.concatenate([x.mean(axis=0, dtype=np.float64) for x in inputs])
    rounding = 1e-5 * np.abs(theirs) + 1e-6  # of float32
    far = np.flatnonzero(np.abs(ours - theirs) > SAME * std + rounding)
    if len(far):
        d = int(far[0])
        name = f"observation {d}" if d < sizes[0] else f"action {d - sizes[0]}"
        raise DataError(
            f"this transition model was fitted to other data: the mean of {name} was"
            f" {theirs[d]:.6g} there and is {ours[d]:.6g} here; fit one to these data"
        )


def check_fits(
    data: Trajectories, act: Callable[..., Any], critic: Callable[..., Any] | None
) -> None:
    """Raise a DataError when policy or critic do not take one row of `data`, or answer
    in another shape."""
    observation, action = data.observation[:1], data.action[:1]
    _try("the policy", lambda: act(observation), action.shape)
    if critic is not None:
        _try("the critic", lambda: critic(observation, action), (1,))


def _try(who: str, ask: Callable[[], Any], wanted: tuple[int, ...]) -> None:
    try:
        shape = np.asarray(ask()).shape
    except (
        ValueError,
        RuntimeError,
        IndexError,
    ) as error:  # what numpy and torch say of shapes that do not fit
        raise DataError(
            f"{who} does not take the data's observations and actions: {error}"
        ) from error
    if shape != wanted:
        raise DataError(
            f"{who} answers one row of the data with shape {shape}, not {wanted}"
        )
