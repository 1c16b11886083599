"""Replay buffers on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.buffer import ReplayBuffer, read_buffer, write_buffer
from oer_pipeline.trajectories.table import (
    Trajectories,
    read_trajectories,
    write_trajectories,
)


def test_round_trip_and_rewrite(buffer: ReplayBuffer, tmp_path: Path) -> None:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    write_buffer(one, buffer)
    back = read_buffer(one)
    for name, array in buffer.arrays().items():
        np.testing.assert_array_equal(getattr(back, name), array, err_msg=name)
        assert getattr(back, name).dtype == array.dtype
    write_buffer(two, back)
    assert one.read_bytes() == two.read_bytes()
    assert back.metadata == {"selector": "mbes"}


FAULTS = [
    ("row", 2, 6, "column row, row 2: must be distinct"),
    ("row", 1, -1, "column row, row 1: must not be negative"),
    ("target_action", (0, 1), 1.5, "column target_action, row 0: must lie within"),
    ("target_action", (2, 1), np.nan, "column target_action, row 2: must be finite"),
    ("reward", 1, np.nan, "column reward, row 1: must be finite"),
]


@pytest.mark.parametrize(("column", "place", "value", "message"), FAULTS)
def test_planted_fault(
    buffer: ReplayBuffer,
    tmp_path: Path,
    column: str,
    place: Any,
    value: Any,
    message: str,
) -> None:
    array = getattr(buffer, column).copy()
    array[place] = value
    with pytest.raises(DataError, match=message):
        write_buffer(tmp_path / "b.parquet", replace(buffer, **{column: array}))
    assert not (tmp_path / "b.parquet").exists()


def test_action_widths_agree(buffer: ReplayBuffer, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="column target_action: found 1 dimensions; column action has 2"
    ):
        write_buffer(
            tmp_path / "b.parquet",
            replace(buffer, target_action=buffer.target_action[:, :1]),
        )


def test_kinds_are_not_confused(
    buffer: ReplayBuffer,
    table: Trajectories,
    tmp_path: Path,
) -> None:
    write_buffer(tmp_path / "b.parquet", buffer)
    write_trajectories(tmp_path / "t.parquet", table)
    with pytest.raises(DataError, match="not a transitions file: kind 'buffer'"):
        read_trajectories(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="not a buffer file: kind 'transitions'"):
        read_buffer(tmp_path / "t.parquet")
