"""Every rule, with one planted fault each: the message names place, column and row."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.table import (
    Trajectories,
    validate_trajectories,
    write_trajectories,
)


def _planted(table: Trajectories, column: str, place: Any, value: Any) -> Trajectories:
    array = getattr(table, column).copy()
    array[place] = value
    return replace(table, **{column: array})


# Episodes of the table: rows 0-2, 3, 4-7.
FAULTS = [
    ("observation", (2, 4), np.nan, 2, "must be finite"),
    ("action", (5, 0), np.inf, 5, "must be finite"),
    ("next_observation", (3, 1), -np.inf, 3, "must be finite"),
    ("reward", 6, np.nan, 6, "must be finite"),
    ("action", (1, 1), 1.0001, 1, "must lie within -1 and 1"),
    ("action", (7, 0), -1.5, 7, "must lie within -1 and 1"),
    ("episode", slice(4, 8), 0, 4, "must be contiguous"),
    ("episode", slice(4, 8), -(2**31), 4, "must not be negative"),
    ("step", 0, 1, 0, "must count 0, 1, 2"),
    ("step", 4, 1, 4, "must count 0, 1, 2"),
    ("step", 6, 1, 6, "must count 0, 1, 2"),
    ("step", 6, 3, 6, "must count 0, 1, 2"),
    ("episode", 3, 0, 3, "must count 0, 1, 2"),
    ("terminal", 5, True, 5, "must be false before an episode's last row"),
    ("timeout", 0, True, 0, "must be false before an episode's last row"),
    ("next_observation", (5, 3), 9.0, 5, "must equal the next row's observation"),
    ("observation", (1, 0), 9.0, 0, "must equal the next row's observation"),
]


@pytest.mark.parametrize(("column", "place", "value", "row", "rule"), FAULTS)
def test_planted_fault(
    table: Trajectories,
    column: str,
    place: Any,
    value: Any,
    row: int,
    rule: str,
) -> None:
    broken = _planted(table, column, place, value)
    with pytest.raises(DataError) as error:
        validate_trajectories(broken, "data/task_1.parquet")
    message = str(error.value)
    if "count" in rule:
        named = "step"
    elif "next row" in rule:
        named = "next_observation"
    else:
        named = column
    beginning = f"data/task_1.parquet: column {named}, row {row}: {rule}"
    assert message.startswith(beginning), message


def test_every_flaw_is_named(table: Trajectories) -> None:
    broken = _planted(table, "reward", [1, 5], np.nan)
    broken = _planted(broken, "action", (3, 0), 2.0)
    broken = _planted(broken, "timeout", 4, True)
    with pytest.raises(DataError) as error:
        validate_trajectories(broken, "here")
    message = str(error.value)
    places = re.findall(r"column (\w+, row \d+):", message)
    assert places == ["reward, row 1", "action, row 3", "timeout, row 4"]
    assert "(2 such rows)" in message


METADATA = [
    ({"action_low": [-2.0, -2.0], "action_high": [2.0, 2.0]}, None),
    (
        {"action_low": [-0.1, -0.1], "action_high": [0.1, 0.1]},
        "column action, row 0: must lie within -0.1 and 0.1",
    ),
    (
        {"action_low": [-2.0, -9.0], "action_high": [2.0, 0.0]},
        r"within \[-2. -9.\] and \[2. 0.\]",
    ),
    ({"action_low": [-2.0, -2.0]}, "action_low and action_high are"),
    (
        {"action_low": [-2.0], "action_high": [2.0]},
        "they take 2 numbers each, low below high",
    ),
    ({"action_low": [2.0, 2.0], "action_high": [-2.0, -2.0]}, "low below high"),
    ({"action_low": [-2.0, "x"], "action_high": [2.0, 2.0]}, "low below high"),
    ({"action_low": [-2.0, -(10**400)], "action_high": [2.0, 2.0]}, "low below high"),
    (
        {"horizon": 3},
        "column step, row 7: must be below the horizon of 3 steps; found 3",
    ),
    ({"horizon": "4"}, "metadata horizon is '4'"),
    ({"horizon": 0}, "metadata horizon is 0"),
]


@pytest.mark.parametrize(("metadata", "message"), METADATA)
def test_metadata_that_rules_read(
    table: Trajectories,
    metadata: dict[str, Any],
    message: str | None,
) -> None:
    changed = replace(table, metadata={**table.metadata, **metadata})
    if message is None:
        validate_trajectories(changed, "here")
        return
    with pytest.raises(DataError, match=message):
        validate_trajectories(changed, "here")


SHAPES: list[tuple[str, Callable[[Any], Any], str]] = [
    (
        "observation",
        lambda a: a.astype(np.float64),
        "column observation: found float64 of shape (8, 5); it takes",
    ),
    (
        "reward",
        lambda a: a[:, None],
        "column reward: found float32 of shape (8, 1); it takes float32 of shape (N,)",
    ),
    (
        "action",
        lambda a: a[:, 0],
        "column action: found float32 of shape (8,); it takes float32 of shape (N, D)",
    ),
    ("terminal", lambda a: a.astype(np.int8), "column terminal: found int8"),
    ("step", lambda a: a.astype(np.int64), "column step: found int64"),
    ("timeout", lambda a: a[:7], "column timeout: found 7 rows"),
    (
        "next_observation",
        lambda a: a[:, :4],
        "column next_observation: found 4 dimensions; column observation has 5",
    ),
]


@pytest.mark.parametrize(("column", "change", "message"), SHAPES)
def test_wrong_shape_or_dtype(
    table: Trajectories,
    column: str,
    change: Callable[[Any], Any],
    message: str,
) -> None:
    changed = replace(table, **{column: change(getattr(table, column))})
    with pytest.raises(DataError) as error:
        validate_trajectories(changed, "here")
    assert message in str(error.value)


def test_sound_tables_pass(table: Trajectories) -> None:
    validate_trajectories(table, "here")
    # Episodes keep their numbers when some are left out.
    validate_trajectories(table.select(table.episode != 1), "here")
    validate_trajectories(table.select(slice(3, 4)), "here")
    at_the_bounds = np.sign(table.action) * np.float32(1)
    validate_trajectories(replace(table, action=at_the_bounds), "here")


def test_empty_table_is_refused(table: Trajectories) -> None:
    with pytest.raises(DataError, match="found 0 rows"):
        validate_trajectories(table.select(slice(0, 0)), "here")


def test_faulty_table_is_not_written(table: Trajectories, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column reward, row 2"):
        write_trajectories(tmp_path / "a.parquet", _planted(table, "reward", 2, np.inf))
    assert not (tmp_path / "a.parquet").exists()


def test_terminal_at_the_horizon_is_reported(
    table: Trajectories,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert table.terminal_at_horizon == 0
    assert replace(table, metadata={}).terminal_at_horizon is None
    odd = _planted(table, "terminal", 7, True)
    assert odd.terminal_at_horizon == 1
    with caplog.at_level(logging.WARNING):
        validate_trajectories(odd, "here")
    assert "here: 1 episodes are terminal at the horizon" in caplog.text
