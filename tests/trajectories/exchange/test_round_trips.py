"""What goes out comes back bit for bit: tables and buffers, by way of D4RL's layout and
Minari's."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl, write_d4rl
from oer_pipeline.trajectories.exchange.minari import read_minari, write_minari
from oer_pipeline.trajectories.exchange.round_trip import TableOrBuffer, restore
from oer_pipeline.trajectories.table import Trajectories, write_trajectories
from tests.trajectories.foreign import imported

FORMATS = ("d4rl", "minari")


def _written(folder: Path, data: TableOrBuffer, layout: str) -> Path:
    if layout == "d4rl":
        write_d4rl(folder / "out.hdf5", data)
        return folder / "out.hdf5"
    write_minari(folder / "out", data, "own/out-v0")
    return folder / "out"


def _restored(path: Path, layout: str) -> TableOrBuffer:
    return restore(
        read_d4rl(path)
        if layout == "d4rl"
        else read_minari(path / "data" / "main_data.hdf5")
    )


def _same(found: TableOrBuffer, expected: TableOrBuffer) -> None:
    for name, array in expected.arrays().items():
        back = getattr(found, name)
        assert (back.dtype, back.shape) == (array.dtype, array.shape), name
        assert back.tobytes() == np.ascontiguousarray(array).tobytes(), name


@pytest.mark.parametrize("layout", FORMATS)
def test_table(table: Trajectories, tmp_path: Path, layout: str) -> None:
    path = _written(tmp_path, table, layout)
    back = imported(path, layout)
    _same(back, table)
    assert back.metadata["collector"] == table.metadata
    assert back.metadata["source"]["format"] == layout
    restored = _restored(path, layout)
    _same(restored, table)
    assert restored.metadata == table.metadata


@pytest.mark.parametrize("layout", FORMATS)
def test_odd_but_sound_tables(table: Trajectories, tmp_path: Path, layout: str) -> None:
    """Episode numbers with gaps, an unfinished episode, a terminal on the horizon's
    step, that with a time-out."""
    gaps = table.select(table.episode != 1)
    unfinished = replace(table, timeout=np.zeros(8, bool))
    terminal = replace(table, terminal=np.isin(np.arange(8), [2, 7]))
    both = replace(terminal, timeout=terminal.terminal)
    for number, odd in enumerate((gaps, unfinished, terminal, both)):
        (tmp_path / str(number)).mkdir()
        _same(imported(_written(tmp_path / str(number), odd, layout), layout), odd)


@pytest.mark.parametrize("layout", FORMATS)
def test_buffer(buffer: ReplayBuffer, tmp_path: Path, layout: str) -> None:
    path = _written(tmp_path, buffer, layout)
    back = _restored(path, layout)
    _same(back, buffer)
    assert back.metadata == buffer.metadata
    with pytest.raises(
        DataError,
        match="it holds a replay buffer; a task's source is a transition table",
    ):
        imported(path, layout)


@pytest.mark.parametrize("layout", FORMATS)
def test_own_bounds(table: Trajectories, tmp_path: Path, layout: str) -> None:
    units = {"action_low": [-3.0, -3.0], "action_high": [3.0, 3.0]}
    wide = replace(table, action=3 * table.action, metadata={**table.metadata, **units})
    path = _written(tmp_path, wide, layout)
    _same(_restored(path, layout), wide)
    with pytest.raises(
        DataError,
        match=(
            r"column action: action_low and action_high are .*; the task's environment"
        ),
    ):
        imported(path, layout)


def test_parquet_is_a_source(table: Trajectories, tmp_path: Path) -> None:
    write_trajectories(tmp_path / "table.parquet", table)
    back = imported(tmp_path / "table.parquet", "parquet")
    _same(back, table)
    assert back.metadata["collector"] == table.metadata


def test_the_same_table_gives_the_same_bytes(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    for layout, name in (("d4rl", "out.hdf5"), ("minari", "out/data/main_data.hdf5")):
        for place in ("a", "b"):
            (tmp_path / place).mkdir(exist_ok=True)
            _written(tmp_path / place, table, layout)
        assert (tmp_path / "a" / name).read_bytes() == (
            tmp_path / "b" / name
        ).read_bytes()


def test_faulty_data_are_not_written(table: Trajectories, tmp_path: Path) -> None:
    for layout in FORMATS:
        with pytest.raises(DataError, match="column reward, row 0"):
            _written(
                tmp_path, replace(table, reward=np.full(8, np.nan, np.float32)), layout
            )
    assert not list(tmp_path.iterdir())


def test_minari_reads_it(
    table: Trajectories,
    buffer: ReplayBuffer,
    tmp_path: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari = pytest.importorskip("minari")
        write_minari(tmp_path / "table", table, "own/table-v0")
        write_minari(tmp_path / "buffer", buffer, "own/buffer-v0")
        data = minari.MinariDataset(tmp_path / "table" / "data")
        replayed = minari.MinariDataset(tmp_path / "buffer" / "data")
        episodes = list(data.iterate_episodes())
    assert (data.id, data.total_steps, data.total_episodes) == ("own/table-v0", 8, 3)
    assert (replayed.total_steps, replayed.total_episodes) == (3, 3)
    assert data.action_space.shape == (2,)
    assert data.observation_space.contains(table.observation[0])
    assert [len(e) for e in episodes] == [3, 1, 4]
    np.testing.assert_array_equal(
        episodes[2].observations[1:], table.next_observation[4:]
    )
    np.testing.assert_array_equal(
        np.concatenate([e.truncations for e in episodes]), table.timeout
    )
    np.testing.assert_array_equal(
        replayed[0].infos["target_action"], buffer.target_action[:1]
    )


def test_what_minari_wrote_is_read(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Made by Minari's own functions and installed under an id."""
    gymnasium = pytest.importorskip("gymnasium")
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    box, buffers = gymnasium.spaces.Box, []
    for start, length in zip(table.starts, table.lengths, strict=True):
        rows = slice(start, start + length)
        observations = np.concatenate(
            (table.observation[rows], table.next_observation[rows][-1:])
        )
        flags = {
            "terminations": table.terminal[rows],
            "truncations": table.timeout[rows],
        }
        buffers.append(
            minari.data_collector.EpisodeBuffer(
                observations=observations,
                actions=table.action[rows],
                rewards=table.reward[rows],
                **flags,
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari.create_dataset_from_buffers(
            "own/made-v0",
            buffers,
            observation_space=box(-np.inf, np.inf, (5,), np.float32),
            action_space=box(-1, 1, (2,), np.float32),
            algorithm_name="by hand",
        )
    back = imported(Path("own/made-v0"), "minari")
    _same(back, table)
    assert back.metadata["collector"] == {
        "algorithm_name": "by hand",
        "dataset_id": "own/made-v0",
    }


def test_others_read_the_d4rl_file(table: Trajectories, tmp_path: Path) -> None:
    path = _written(tmp_path, table, "d4rl")
    with h5py.File(path) as file:
        assert {
            "observations",
            "actions",
            "rewards",
            "terminals",
            "timeouts",
            "next_observations",
        } < set(file)
        np.testing.assert_array_equal(file["actions"][:], table.action)
        np.testing.assert_array_equal(file["infos/step"][:], table.step)
        assert file["terminals"].dtype == bool


FLOATS = st.floats(-1e6, 1e6, width=32)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_table(
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lengths = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    rows = sum(lengths)

    def floats(count: int) -> np.ndarray:
        return np.array(
            data.draw(st.lists(FLOATS, min_size=count, max_size=count)), np.float32
        )

    paths = [floats(5 * (length + 1)).reshape(-1, 5) for length in lengths]
    last = np.isin(np.arange(rows), np.cumsum(lengths) - 1)
    flags = (
        np.array(
            data.draw(st.lists(st.booleans(), min_size=2 * rows, max_size=2 * rows))
        ).reshape(2, -1)
        & last
    )
    table = Trajectories(
        np.concatenate([p[:-1] for p in paths]),
        np.clip(floats(2 * rows).reshape(-1, 2), -1, 1),
        np.concatenate([p[1:] for p in paths]),
        floats(rows),
        flags[0],
        flags[1],
        np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
        np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        {"horizon": 4},
    )
    folder = tmp_path_factory.mktemp("any")
    for layout in FORMATS:
        _same(imported(_written(folder, table, layout), layout), table)
