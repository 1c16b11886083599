"""Roll-outs as a transition table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.trajectories.concatenate import broken_off_marks, episode_numbers
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import DIVERGED, HIGH, LOW

if TYPE_CHECKING:
    from oer_pipeline.suites.physics import Bounds
    from oer_pipeline.suites.rollout import Episodes


def from_episodes(
    episodes: Episodes,
    metadata: Mapping[str, Any],
    horizon: int,
    bounds: Bounds | None = None,
    has_success: bool = False,
) -> Trajectories:
    """The steps of padded episodes as a table; metadata gain `horizon` (steps) and the
    number of `diverged_episodes`.

    Roll-outs act within +-1; with `bounds` (`Physics.bounds`) the table has the
    environment's own units and metadata gain `action_low` and `action_high`. An
    episode's last row without a terminal state is a time-out, at the horizon or before
    it: the environment's own, or that of physics which diverged (`broken_off`). An
    episode that diverged in its first step has no row. `has_success`: the family says
    which episodes solved their task (`Physics.has_success`), and the table will.

    Raises:
        DataError: no episode has a step.
    """
    length = episodes.length
    kept = np.arange(episodes.action.shape[1]) < length[:, None]  # (B, T)
    if not kept.any():
        raise DataError(
            f"{len(length)} episodes, but none has a step;"
            f" {int(episodes.diverged.sum())} diverged at once"
        )
    before_horizon = length < episodes.action.shape[1]
    timeout = ~episodes.terminal & (before_horizon | (length == horizon))
    units = (
        {} if bounds is None else {LOW: bounds.low.tolist(), HIGH: bounds.high.tolist()}
    )
    counts = {
        DIVERGED: int(episodes.diverged.sum()),
        **broken_off_marks(episodes.diverged[length > 0]),
    }
    return Trajectories(
        observation=episodes.observation[:, :-1][kept],
        action=_in_units(episodes.action[kept], bounds),
        next_observation=episodes.observation[:, 1:][kept],
        reward=episodes.reward[kept],
        terminal=_on_last_row(episodes.terminal, length),
        timeout=_on_last_row(timeout, length),
        episode=episode_numbers(length[length > 0]),
        step=np.nonzero(kept)[1].astype(np.int32),
        metadata={**metadata, **units, "horizon": horizon, **counts},
        success=np.repeat(episodes.success, length) if has_success else None,
    )


def _in_units(action: FloatArray, bounds: Bounds | None) -> FloatArray:
    """Actions (N, A) within +-1 as `GymnasiumPhysics.step` applies them."""
    if bounds is None:
        return action
    low, high = bounds
    applied = low + 0.5 * (action.astype(np.float64) + 1.0) * (high - low)
    return np.clip(applied.astype(np.float32), low, high)


def _on_last_row(flags: BoolArray, length: IntArray) -> BoolArray:
    """Spread one flag an episode over its rows: false but for the last."""
    flags, length = flags[length > 0], length[length > 0]
    rows = np.zeros(int(length.sum()), dtype=bool)
    rows[np.cumsum(length) - 1] = flags
    return rows
