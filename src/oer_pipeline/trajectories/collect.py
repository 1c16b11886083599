"""Roll-outs and tables into one transition table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oer_pipeline.errors import DataError
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import DIVERGED, HIGH, LOW
from oer_pipeline.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from oer_pipeline.suites.physics import Bounds
    from oer_pipeline.suites.rollout import Episodes

BROKEN_OFF = "broken_off"
"""Metadata: the numbers of `diverged_episodes` that have rows; there only where some have.

A time-out before the horizon may also be the environment's own (`Transition.truncated`).
"""


def from_episodes(
    episodes: Episodes,
    metadata: Mapping[str, Any],
    horizon: int,
    bounds: Bounds | None = None,
    has_success: bool = False,
) -> Trajectories:
    """The steps of padded episodes as a table; metadata gain `horizon` (steps) and the number of `diverged_episodes`.

    Roll-outs act within +-1; with `bounds` (`Physics.bounds`) the table has the environment's own units and metadata
    gain `action_low` and `action_high`. An episode's last row without a terminal state is a time-out, at the horizon or
    before it: the environment's own, or that of physics which diverged (`broken_off`). An episode that diverged in its
    first step has no row. `has_success`: the family says which episodes solved their task (`Physics.has_success`), and
    the table will.

    Raises:
        DataError: no episode has a step.
    """
    length = episodes.length
    kept = np.arange(episodes.action.shape[1]) < length[:, None]  # (B, T)
    if not kept.any():
        raise DataError(f"{len(length)} episodes, but none has a step; {int(episodes.diverged.sum())} diverged at once")
    before_horizon = length < episodes.action.shape[1]
    timeout = ~episodes.terminal & (before_horizon | (length == horizon))
    units = {} if bounds is None else {LOW: bounds.low.tolist(), HIGH: bounds.high.tolist()}
    counts = {DIVERGED: int(episodes.diverged.sum()), **_marks(episodes.diverged[length > 0])}
    return Trajectories(
        observation=episodes.observation[:, :-1][kept],
        action=_in_units(episodes.action[kept], bounds),
        next_observation=episodes.observation[:, 1:][kept],
        reward=episodes.reward[kept],
        terminal=_on_last_row(episodes.terminal, length),
        timeout=_on_last_row(timeout, length),
        episode=_numbers(length[length > 0]),
        step=np.nonzero(kept)[1].astype(np.int32),
        metadata={**metadata, **units, "horizon": horizon, **counts},
        success=np.repeat(episodes.success, length) if has_success else None,
    )


def concatenate(tables: Sequence[Trajectories]) -> Trajectories:
    """One table after another, episodes renumbered from 0.

    Metadata that all agree on stay, the rest is kept table by table under `parts`; `diverged_episodes` add up, and
    `broken_off` follows the new numbers.

    Raises:
        DataError: no table, tables of different widths or action bounds, or some without
            rewards or `success` that others have.
    """
    if not tables:
        raise DataError("no transition table to concatenate; give at least one")
    shapes = sorted({(t.observation.shape[1], t.action.shape[1]) for t in tables})
    if len(shapes) > 1:
        raise DataError(f"tables of different (observation, action) widths {shapes}; all must have the same")
    bounds = [(t.metadata.get(LOW), t.metadata.get(HIGH)) for t in tables]
    if any(pair != bounds[0] for pair in bounds):
        raise DataError(f"tables of different action bounds {bounds}; all must have the same")
    without = [t.reward is None for t in tables]
    if any(without) and not all(without):
        raise DataError(f"tables of which {sum(without)} of {len(tables)} have no rewards; all have to, or none")
    columns: dict[str, Any] = {"reward": None}
    for name in TRANSITIONS.present(tables[0].arrays()):
        if name not in ("next_known", "success"):
            columns[name] = np.concatenate([getattr(t, name) for t in tables])
    columns["episode"] = _numbers(np.concatenate([t.lengths for t in tables]))
    columns["next_known"] = np.concatenate([t.known for t in tables])
    columns["success"] = _success(tables)
    merged = _merged([t.metadata for t in tables])
    marks = _marks(np.concatenate([broken_off(t) for t in tables]))
    return Trajectories(**columns, metadata={**merged, **marks})


def broken_off(table: Trajectories) -> BoolArray:
    """Which episodes (E,) of a table that was rolled out the physics broke off, whatever rows were selected since."""
    return np.isin(table.episode[table.starts], table.metadata.get(BROKEN_OFF, []))


def _marks(broken: BoolArray) -> dict[str, list[int]]:
    """Episodes (E,) that are numbered from 0, as metadata."""
    return {BROKEN_OFF: np.flatnonzero(broken).tolist()} if broken.any() else {}


def _success(tables: Sequence[Trajectories]) -> BoolArray | None:
    told = [table.success for table in tables if table.success is not None]
    if len(told) not in (0, len(tables)):
        raise DataError(f"{len(told)} of {len(tables)} tables have the column success; all must have it, or none")
    return np.concatenate(told) if told else None


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


def _numbers(length: IntArray) -> IntArray:
    return np.repeat(np.arange(len(length), dtype=np.int32), length)


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    parts = [{key: v for key, v in part.items() if key != BROKEN_OFF} for part in parts]
    common = {key: v for key, v in parts[0].items() if all(key in p and p[key] == v for p in parts)}
    rest = [{key: v for key, v in part.items() if key not in common} for part in parts]
    merged = {**common, "parts": rest} if any(rest) else common
    if any(DIVERGED in part for part in parts):
        merged[DIVERGED] = sum(part.get(DIVERGED, 0) for part in parts)
    return merged
