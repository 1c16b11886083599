"""The transition table on disk: nothing lost, the same bytes again, and every unsound
file refused by name."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories import arrow
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import (
    Trajectories,
    read_trajectories,
    write_trajectories,
)

Make = Callable[..., Trajectories]


@pytest.fixture
def file(table: Trajectories, tmp_path: Path) -> Path:
    path = tmp_path / "medium.parquet"
    write_trajectories(path, table)
    return path


def test_round_trip_keeps_every_bit(table: Trajectories, file: Path) -> None:
    back = read_trajectories(file)
    for name, array in table.arrays().items():
        found = getattr(back, name)
        assert found.dtype == array.dtype, name
        np.testing.assert_array_equal(found, array, err_msg=name)
    assert back.metadata == table.metadata
    assert back.content_hash() == table.content_hash()


def test_arrays_own_their_memory(file: Path) -> None:
    back = read_trajectories(file)
    back.observation[0, 0] = (
        1.0  # torch.from_numpy warns about memory that may not be written to
    )
    assert all(
        array.flags.c_contiguous and array.flags.writeable
        for array in back.arrays().values()
    )


def test_rewrite_gives_the_same_bytes(
    table: Trajectories,
    file: Path,
    tmp_path: Path,
) -> None:
    again = tmp_path / "again.parquet"
    shuffled = dict(reversed(list(table.metadata.items())))
    write_trajectories(again, replace(read_trajectories(file), metadata=shuffled))
    assert again.read_bytes() == file.read_bytes()


def test_several_row_groups(
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrow, "ROW_GROUP", 7)
    table = make((4, 9, 3, 5), horizon=9)
    write_trajectories(tmp_path / "a.parquet", table)
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 3
    assert (
        read_trajectories(tmp_path / "a.parquet").content_hash() == table.content_hash()
    )


def test_file_is_what_the_architecture_says(file: Path) -> None:
    schema = pq.read_schema(file)
    types = {field.name: str(field.type) for field in schema}
    assert {n: types[n] for n in ("observation", "action", "next_observation")} == {
        "observation": "fixed_size_list<element: float not null>[5]",
        "action": "fixed_size_list<element: float not null>[2]",
        "next_observation": "fixed_size_list<element: float not null>[5]",
    }
    assert {
        n: types[n] for n in ("reward", "terminal", "timeout", "episode", "step")
    } == {
        "reward": "float",
        "terminal": "bool",
        "timeout": "bool",
        "episode": "int32",
        "step": "int32",
    }
    assert json.loads(schema.metadata[b"metadata"])["suite"] == "cheetah_vel_signed"
    assert schema.metadata[b"schema_version"] == b"1"


def test_hash_sees_every_column_and_order(table: Trajectories) -> None:
    hashes = {table.content_hash(), table.select(np.arange(8)[::-1]).content_hash()}
    for name, array in table.arrays().items():
        changed = array.copy()
        changed.flat[-1] = (
            ~changed.flat[-1] if changed.dtype == bool else changed.flat[-1] + 1
        )
        hashes.add(replace(table, **{name: changed}).content_hash())
    assert len(hashes) == 2 + len(TRANSITIONS.columns)


def test_episodes(table: Trajectories) -> None:
    assert table.starts.tolist() == [0, 3, 4]
    assert table.lengths.tolist() == [3, 1, 4]
    np.testing.assert_allclose(
        table.returns,
        [table.reward[:3].sum(), table.reward[3], table.reward[4:].sum()],
        1e-6,
    )
    assert table.select(np.array([7, 2])).step.tolist() == [3, 2]
    assert len(table.select(table.episode == 2)) == 4
    empty = table.select(slice(0, 0))
    assert len(empty.starts) == len(empty.lengths) == 0


def _rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def _header(**values: str) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.replace_schema_metadata(
        {**t.schema.metadata, **{k.encode(): v for k, v in values.items()}}
    )


def _column(name: str, values: Any) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.set_column(t.schema.get_field_index(name), name, values)


def _vectors(values: list[Any], dtype: Any, width: int | None) -> pa.Array:
    return pa.array(
        values, pa.list_(dtype) if width is None else pa.list_(dtype, width)
    )


NULL = [0.0, 1.0, 2.0, None, 4.0, 5.0, 6.0, 7.0]
NULL_INSIDE = [[0.0] * 5] * 5 + [[0.0, None, 0.0, 0.0, 0.0]] + [[0.0] * 5] * 2
FAULTS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "future version": (
        _header(schema_version="2"),
        "schema version 2; this release reads 1",
    ),
    "another kind": (_header(kind="buffer"), "not a transitions file: kind 'buffer'"),
    "no header": (lambda t: t.replace_schema_metadata(None), "missing schema metadata"),
    "edited metadata": (_header(metadata="{}"), "the metadata's SHA-256 is"),
    "broken metadata": (
        _header(metadata="{", metadata_sha256=sha256(b"{").hexdigest()),
        "its metadata: not a readable JSON file",
    ),
    "metadata that are no object": (
        _header(metadata="[]", metadata_sha256=sha256(b"[]").hexdigest()),
        "JSON object",
    ),
    "missing column": (
        lambda t: t.drop_columns(["reward"]),
        "column reward is missing",
    ),
    "double precision": (
        _column("reward", pa.array([0.0] * 8)),
        "column reward: found double; it takes float32",
    ),
    "wide integers": (
        _column("step", pa.array([0] * 8)),
        "column step: found int64; it takes int32",
    ),
    "variable lists": (
        _column("action", _vectors([[0.0]] * 8, pa.float32(), None)),
        "column action: found list<",
    ),
    "list of doubles": (
        _column("action", _vectors([[0.0]] * 8, pa.float64(), 1)),
        "column action: found fixed_size",
    ),
    "scalar for vector": (
        _column("action", pa.array([0.0] * 8, pa.float32())),
        "column action: found float; it takes",
    ),
    "null": (
        _column("reward", pa.array(NULL, pa.float32())),
        "column reward, row 3: found null",
    ),
    "null inside": (
        _column("observation", _vectors(NULL_INSIDE, pa.float32(), 5)),
        "observation, row 5: found null",
    ),
    "edited": (
        _column("reward", pa.array([0.0] * 8, pa.float32())),
        "the content's SHA-256 is",
    ),
    "dropped row": (lambda t: t.slice(0, 7), "the content's SHA-256 is"),
    "no rows": (lambda t: t.slice(0, 0), "found 0 rows"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_unsound_file(fault: str, file: Path) -> None:
    change, message = FAULTS[fault]
    _rewritten(file, change)
    with pytest.raises(DataError) as error:
        read_trajectories(file)
    assert message in str(error.value)
    assert str(file) in str(error.value)


def test_not_a_file_of_ours(file: Path) -> None:
    whole = file.read_bytes()
    broken = [
        b"",
        b"PAR1",
        whole[: len(whole) // 2],
        whole[:-1],
        whole[10:],
        pickle.dumps({"observation": [1.0]}),
    ]
    for content in broken:
        file.write_bytes(content)
        with pytest.raises(
            DataError, match=r"medium\.parquet: not a readable Parquet file"
        ):
            read_trajectories(file)
    with pytest.raises(DataError, match="no such file"):
        read_trajectories(file.with_name("nowhere.parquet"))


def test_any_flipped_byte_is_noticed_or_harmless(
    table: Trajectories,
    file: Path,
) -> None:
    whole, draw = file.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in draw.choice(len(whole), 150, replace=False):
        file.write_bytes(
            whole[:place]
            + bytes([whole[place] ^ (1 << int(draw.integers(8)))])
            + whole[place + 1 :]
        )
        try:
            assert read_trajectories(file).content_hash() == table.content_hash()
        except DataError:
            refused += 1
    assert refused > 50


def test_metadata_must_be_json(table: Trajectories, tmp_path: Path) -> None:
    for value in (float("nan"), np.float32(1), {1, 2}):
        with pytest.raises(DataError, match="metadata must be plain JSON"):
            write_trajectories(
                tmp_path / "a.parquet", replace(table, metadata={"odd": value})
            )
    assert not list(tmp_path.iterdir())


def test_bounds_and_scaled(table: Trajectories, tmp_path: Path) -> None:
    assert table.scaled() is table
    np.testing.assert_array_equal(table.bounds, [[-1, -1], [1, 1]])
    low, high = np.array([-2, 0], np.float32), np.array([2, 5], np.float32)
    units = low + 0.5 * (table.action + 1) * (high - low)
    own = replace(
        table,
        action=units,
        metadata={
            **table.metadata,
            "action_low": [-2.0, 0.0],
            "action_high": [2.0, 5.0],
        },
    )
    write_trajectories(tmp_path / "own.parquet", own)
    back = read_trajectories(tmp_path / "own.parquet")
    np.testing.assert_array_equal(back.action, units)
    np.testing.assert_array_equal(back.bounds, [low, high])
    scaled = back.scaled()
    np.testing.assert_allclose(scaled.action, table.action, atol=1e-6)
    assert scaled.action.dtype == np.float32
    assert scaled.metadata == table.metadata
    assert scaled.observation is back.observation
    ends = replace(own, action=np.tile([low, high], (4, 1)))
    np.testing.assert_array_equal(
        ends.scaled().action, np.tile([[-1, -1], [1, 1]], (4, 1))
    )
