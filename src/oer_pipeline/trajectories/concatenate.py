"""Tables one after another as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, IntArray
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import DIVERGED, HIGH, LOW

BROKEN_OFF = "broken_off"
"""Metadata: the numbers of `diverged_episodes` that have rows; there only where some
have.

A time-out before the horizon may also be the environment's own
(`Transition.truncated`).
"""


def concatenate(tables: Sequence[Trajectories]) -> Trajectories:
    """One table after another, episodes renumbered from 0.

    Metadata that all agree on stay, the rest is kept table by table under `parts`;
    `diverged_episodes` add up, and `broken_off` follows the new numbers.

    Raises:
        DataError: no table, tables of different widths or action bounds, or some
            without rewards or `success` that others have.
    """
    if not tables:
        raise DataError("no transition table to concatenate; give at least one")
    shapes = sorted({(t.observation.shape[1], t.action.shape[1]) for t in tables})
    if len(shapes) > 1:
        raise DataError(
            f"tables of different (observation, action) widths {shapes}; all must have"
            " the same"
        )
    bounds = [(t.metadata.get(LOW), t.metadata.get(HIGH)) for t in tables]
    if any(pair != bounds[0] for pair in bounds):
        raise DataError(
            f"tables of different action bounds {bounds}; all must have the same"
        )
    without = [t.reward is None for t in tables]
    if any(without) and not all(without):
        raise DataError(
            f"tables of which {sum(without)} of {len(tables)} have no rewards; all have"
            " to, or none"
        )
    columns: dict[str, Any] = {"reward": None}
    for name in TRANSITIONS.present(tables[0].arrays()):
        if name not in ("next_known", "success"):
            columns[name] = np.concatenate([getattr(t, name) for t in tables])
    columns["episode"] = episode_numbers(np.concatenate([t.lengths for t in tables]))
    columns["next_known"] = np.concatenate([t.known for t in tables])
    columns["success"] = _success(tables)
    merged = _merged([t.metadata for t in tables])
    marks = broken_off_marks(np.concatenate([broken_off(t) for t in tables]))
    return Trajectories(**columns, metadata={**merged, **marks})


def broken_off(table: Trajectories) -> BoolArray:
    """Which episodes (E,) of a table that was rolled out the physics broke off,
    whatever rows were selected since."""
    return np.isin(table.episode[table.starts], table.metadata.get(BROKEN_OFF, []))


def broken_off_marks(broken: BoolArray) -> dict[str, list[int]]:
    """Episodes (E,) that are numbered from 0, as metadata."""
    return {BROKEN_OFF: np.flatnonzero(broken).tolist()} if broken.any() else {}


def episode_numbers(length: IntArray) -> IntArray:
    """The column `episode` of episodes of `length` (E,) rows."""
    return np.repeat(np.arange(len(length), dtype=np.int32), length)


def _success(tables: Sequence[Trajectories]) -> BoolArray | None:
    told = [table.success for table in tables if table.success is not None]
    if len(told) not in (0, len(tables)):
        raise DataError(
            f"{len(told)} of {len(tables)} tables have the column success; all must"
            " have it, or none"
        )
    return np.concatenate(told) if told else None


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    parts = [{key: v for key, v in part.items() if key != BROKEN_OFF} for part in parts]
    common = {
        key: v
        for key, v in parts[0].items()
        if all(key in p and p[key] == v for p in parts)
    }
    rest = [{key: v for key, v in part.items() if key not in common} for part in parts]
    merged = {**common, "parts": rest} if any(rest) else common
    if any(DIVERGED in part for part in parts):
        merged[DIVERGED] = sum(part.get(DIVERGED, 0) for part in parts)
    return merged
