"""What the metadata of a transition table mean: action bounds, the horizon, episodes
that diverged.

Shapes: A action.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from oer_pipeline.common.checks import is_whole
from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray

LOW = "action_low"
HIGH = "action_high"
"""Of a table whose actions are in an environment's own units: the bounds, A numbers
each."""
HORIZON = "horizon"
"""Steps after which the clock ends an episode."""
DIVERGED = "diverged_episodes"
"""How many episodes diverged; every table that was rolled out here has it, and no
other."""
KEPT = "terminals_kept"
"""In `mended`: how many terminal flags at the horizon the suite said to keep."""


def terminals_are_meant(metadata: Mapping[str, Any]) -> bool:
    """Whether somebody knew that an episode ended that ends at the horizon: the
    environment, or who wrote the suite."""
    mended = metadata.get("mended")
    is_kept = isinstance(mended, Mapping) and KEPT in mended
    return DIVERGED in metadata or is_kept


def action_bounds(
    metadata: Mapping[str, Any],
    actions: int,
    where: str,
) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest action, (A,) float32 each, as `action_low` and `action_high`
    say; +-1 without them.

    Args:
        metadata: of the table.
        actions: A, the dimensions of an action.
        where: what errors call the table.

    Raises:
        DataError: they are not A finite numbers each, low below high.
    """
    if LOW not in metadata and HIGH not in metadata:
        return np.full(actions, -1.0, np.float32), np.full(actions, 1.0, np.float32)
    stated = [metadata.get(LOW), metadata.get(HIGH)]
    try:
        low, high = np.array(stated, dtype=np.float32)
        finite = np.isfinite(low).all() and np.isfinite(high).all()
        if low.shape == (actions,) and finite and (low < high).all():
            return low, high
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(
        f"{where}: metadata {LOW} and {HIGH} are {stated}; they take {actions} numbers"
        " each, low below high"
    )


def checked_horizon(metadata: Mapping[str, Any], where: str) -> int | None:
    """The horizon in steps; None where the metadata have none.

    Raises:
        DataError: it is no number of steps.
    """
    horizon = metadata.get(HORIZON)
    if horizon is None:
        return None
    if not is_whole(horizon) or horizon < 1:
        raise DataError(
            f"{where}: metadata horizon is {horizon!r}; it takes a number of steps"
        )
    return horizon
