"""Tables one after another as one.

Shapes: N rows, E episodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, IntArray
from oer_pipeline.trajectories.metadata import DIVERGED, HIGH, LOW
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import Trajectories

DIVERGED_NUMBERS = "broken_off"
"""Metadata: the numbers of `diverged_episodes` that have rows; there only where some
have.

A time-out before the horizon may also be the environment's own
(`Transition.truncated`).
"""


def concatenate(tables: Sequence[Trajectories]) -> Trajectories:
    """One table after another, episodes renumbered from 0.

    Metadata that all agree on stay, the rest is kept table by table under `parts`;
    `diverged_episodes` add up, and `broken_off` has the new numbers.

    Raises:
        DataError: no table, tables of different widths or action bounds, or some
            without rewards or `success` that others have.
    """
    if not tables:
        raise DataError("no transition table to concatenate; give at least one")
    _check_widths(tables)
    _check_bounds(tables)
    _check_rewards(tables)
    columns: dict[str, Any] = {"reward": None}
    for name in TRANSITIONS.present(tables[0].arrays()):
        if name in ("next_known", "success"):
            continue
        parts = [getattr(table, name) for table in tables]
        columns[name] = np.concatenate(parts)
    lengths = np.concatenate([table.lengths for table in tables])
    columns["episode"] = episode_numbers(lengths)
    columns["next_known"] = np.concatenate([table.known for table in tables])
    columns["success"] = _success(tables)
    metadata = _merged([table.metadata for table in tables])
    diverged = np.concatenate([diverged_mask(table) for table in tables])
    metadata.update(diverged_metadata(diverged))
    return Trajectories(**columns, metadata=metadata)


def diverged_mask(table: Trajectories) -> BoolArray:
    """Which episodes (E,) of a table that was rolled out diverged, whatever rows were
    selected since."""
    diverged = table.metadata.get(DIVERGED_NUMBERS, [])
    numbers = table.episode[table.starts]
    return np.isin(numbers, diverged)


def diverged_metadata(diverged: BoolArray) -> dict[str, list[int]]:
    """Which of the episodes (E,), numbered from 0, diverged, as metadata."""
    if not diverged.any():
        return {}
    return {DIVERGED_NUMBERS: np.flatnonzero(diverged).tolist()}


def episode_numbers(length: IntArray) -> IntArray:
    """The column `episode`, (N,) int32, of episodes of `length` (E,) rows."""
    numbers = np.arange(len(length), dtype=np.int32)
    return np.repeat(numbers, length)


def _check_widths(tables: Sequence[Trajectories]) -> None:
    shapes = set()
    for table in tables:
        observation_size = table.observation.shape[1]
        action_size = table.action.shape[1]
        shapes.add((observation_size, action_size))
    if len(shapes) > 1:
        raise DataError(
            f"tables of different (observation, action) widths {sorted(shapes)}; all"
            " must have the same"
        )


def _check_bounds(tables: Sequence[Trajectories]) -> None:
    bounds = []
    for table in tables:
        low = table.metadata.get(LOW)
        high = table.metadata.get(HIGH)
        bounds.append((low, high))
    if bounds.count(bounds[0]) != len(bounds):
        raise DataError(
            f"tables of different action bounds {bounds}; all must have the same"
        )


def _check_rewards(tables: Sequence[Trajectories]) -> None:
    without = sum(table.reward is None for table in tables)
    if without not in (0, len(tables)):
        raise DataError(
            f"tables of which {without} of {len(tables)} have no rewards; all have"
            " to, or none"
        )


def _success(tables: Sequence[Trajectories]) -> BoolArray | None:
    columns = [table.success for table in tables if table.success is not None]
    if not columns:
        return None
    if len(columns) != len(tables):
        raise DataError(
            f"{len(columns)} of {len(tables)} tables have the column success; all must"
            " have it, or none"
        )
    return np.concatenate(columns)


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The metadata of several tables as one."""
    merged: dict[str, Any] = {}
    for key, value in parts[0].items():
        agreed = all(key in part and part[key] == value for part in parts)
        if agreed and key != DIVERGED_NUMBERS:
            merged[key] = value
    rest = []
    for part in parts:
        different = {}
        for key, value in part.items():
            if key != DIVERGED_NUMBERS and key not in merged:
                different[key] = value
        rest.append(different)
    if any(rest):
        merged["parts"] = rest
    counts = [part[DIVERGED] for part in parts if DIVERGED in part]
    if counts:
        merged[DIVERGED] = sum(counts)
    return merged
