"""Roll-outs as a transition table.

Shapes: B episodes, T steps, N rows, A action.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.suites.physics import Bounds
from oer_pipeline.suites.rollout import Episodes
from oer_pipeline.trajectories.concatenate import diverged_metadata, episode_numbers
from oer_pipeline.trajectories.metadata import DIVERGED, HIGH, HORIZON, LOW
from oer_pipeline.trajectories.table import Trajectories


def table_from_episodes(
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
    it: the environment's own, or that of physics which diverged (metadata
    `broken_off`). An episode that diverged in its first step has no row.

    Args:
        episodes: B of them.
        metadata: where they come from.
        horizon: T, in steps.
        bounds: the environment's action bounds; None: +-1.
        has_success: whether the family says which episodes solved their task
            (`Physics.has_success`); then the table does, too.

    Raises:
        DataError: no episode has a step.
    """
    length = episodes.length
    longest = episodes.action.shape[1]
    kept = np.arange(longest) < length[:, None]  # (B, T)
    if not kept.any():
        raise DataError(
            f"{len(length)} episodes, but none has a step;"
            f" {int(episodes.diverged.sum())} diverged at once"
        )
    ended_early = length < longest
    at_horizon = length == horizon
    timeout = ~episodes.terminal & (ended_early | at_horizon)
    has_rows = length > 0
    extended = dict(metadata)
    if bounds is not None:
        extended[LOW] = bounds.low.tolist()
        extended[HIGH] = bounds.high.tolist()
    extended[HORIZON] = horizon
    extended[DIVERGED] = int(episodes.diverged.sum())
    extended |= diverged_metadata(episodes.diverged[has_rows])
    success = np.repeat(episodes.success, length) if has_success else None
    observation = episodes.observation[:, :-1]
    next_observation = episodes.observation[:, 1:]
    _, step = np.nonzero(kept)
    return Trajectories(
        observation=observation[kept],
        action=_in_units(episodes.action[kept], bounds),
        next_observation=next_observation[kept],
        reward=episodes.reward[kept],
        terminal=_on_last_row(episodes.terminal, length),
        timeout=_on_last_row(timeout, length),
        episode=episode_numbers(length[has_rows]),
        step=step.astype(np.int32),
        metadata=extended,
        success=success,
    )


def _in_units(action: FloatArray, bounds: Bounds | None) -> FloatArray:
    """Actions (N, A) within +-1 as `GymnasiumPhysics.step` applies them."""
    if bounds is None:
        return action
    low, high = bounds
    share = 0.5 * (action.astype(np.float64) + 1.0)
    applied = low + share * (high - low)
    narrow = applied.astype(np.float32)
    return np.clip(narrow, low, high)


def _on_last_row(flags: BoolArray, length: IntArray) -> BoolArray:
    """A column (N,) of flags that are false but for episodes' last rows, (B,)."""
    has_rows = length > 0
    ends = np.cumsum(length)
    last_rows = ends[has_rows] - 1
    column = np.zeros(int(length.sum()), dtype=bool)
    column[last_rows] = flags[has_rows]
    return column
