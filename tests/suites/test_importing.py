"""Foreign files: what is legal, what is mended, what is derived, what is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.suites.importing import import_source
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.card import data_card
from oer_pipeline.trajectories.exchange import hdf5, hdf5_attributes
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.table import Trajectories, write_trajectories
from tests.trajectories.foreign import (
    TASK,
    d4rl_columns,
    imported,
    minari_episodes,
    write_d4rl_file,
    write_minari_folder,
)

# Episodes of the table: rows 0-2 (terminal), 3 (time-out), 4-7 (time-out at the horizon
# of 4).


def _equal(found: Trajectories, expected: Trajectories) -> None:
    for name, array in expected.arrays().items():
        np.testing.assert_array_equal(getattr(found, name), array, err_msg=name)
        assert getattr(found, name).dtype == array.dtype, name


def _without(columns: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: array for name, array in columns.items() if name not in names}


def test_metadata(table: Trajectories, tmp_path: Path) -> None:
    path = write_d4rl_file(
        tmp_path / "a.hdf5",
        d4rl_columns(table),
        algorithm="SAC",
        license="CC-BY-4.0",
        steps=7,
    )
    metadata = imported(path, "d4rl").metadata
    source = metadata.pop("source")
    assert metadata.pop("mended")["narrowed"] == {}
    assert metadata.pop("plausibility") == {
        "skipped": "observations of this environment do not tell its state"
    }
    assert metadata == {
        "suite": "own",
        "task": 2,
        "family": "gymnasium",
        "parameters": {"id": "Own-v0"},
        "kind": "imported",
        "collector": {"algorithm": "SAC", "license": "CC-BY-4.0", "steps": 7},
        "horizon": 4,
        "licence": "CC-BY-4.0",
    }
    assert (source["path"], source["format"], len(source["sha256"])) == (
        str(path),
        "d4rl",
        64,
    )


def test_relative_paths_stay_as_configured(table: Trajectories, tmp_path: Path) -> None:
    write_d4rl_file(tmp_path / "a.hdf5", d4rl_columns(table))
    found = import_source(Source("a.hdf5", "d4rl", root=str(tmp_path)), TASK)
    assert found.metadata["source"]["path"] == "a.hdf5"


def test_minari_folder(table: Trajectories, tmp_path: Path) -> None:
    folder = write_minari_folder(
        tmp_path / "m", minari_episodes(table), dataset_id="a/b-v0", author=["c"]
    )
    found = imported(folder, "minari")
    _equal(found, table)
    assert found.metadata["collector"] == {"author": ["c"], "dataset_id": "a/b-v0"}


def test_a_minari_data_set_is_known_by_its_metadata_too(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    folder = write_minari_folder(tmp_path / "m", minari_episodes(table))
    before = imported(folder, "minari").metadata["source"]["sha256"]
    metadata = folder / "data" / "metadata.json"
    said = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**said, "license": "MIT"}))
    assert imported(folder, "minari").metadata["source"]["sha256"] != before


# What is legal: a change of the columns -> the table that it gives.
LEGAL: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "as it is": lambda c: c,
    "columns of one": lambda c: {
        **c,
        "rewards": c["rewards"][:, None],
        "terminals": c["terminals"][:, None],
    },
    "flags as numbers": lambda c: {
        **c,
        "terminals": c["terminals"].astype("u1"),
        "timeouts": c["timeouts"] * 1.0,
    },
    "the other byte order": lambda c: {
        **c,
        "observations": c["observations"].astype(">f4"),
    },
    "float64": lambda c: {
        **c,
        "observations": c["observations"].astype("f8"),
        "rewards": c["rewards"].astype(">f8"),
    },
    "more columns": lambda c: {**c, "infos/qpos": np.zeros((8, 3))},
}


@pytest.mark.parametrize("case", LEGAL)
def test_legal(case: str, table: Trajectories, tmp_path: Path) -> None:
    path = write_d4rl_file(tmp_path / "a.hdf5", LEGAL[case](d4rl_columns(table)))
    _equal(imported(path, "d4rl"), table)


def test_one_episode(table: Trajectories, tmp_path: Path) -> None:
    for rows in (
        slice(0, 3),
        slice(3, 4),
        slice(4, 6),
    ):  # terminal, of one step, unfinished
        path = write_d4rl_file(
            tmp_path / f"{rows.start}.hdf5", d4rl_columns(table.select(rows))
        )
        assert imported(path, "d4rl").lengths.tolist() == [rows.stop - rows.start]


def test_any_blocks_and_chunks(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hdf5, "BLOCK", 3)
    for chunks in (None, 1, 2, 5, 8):
        path = tmp_path / f"{chunks}.hdf5"
        with h5py.File(path, "w") as file:
            for name, array in d4rl_columns(table).items():
                file.create_dataset(
                    name, data=array, chunks=chunks and (chunks, *array.shape[1:])
                )
        _equal(imported(path, "d4rl"), table)


def test_narrowing_is_counted(table: Trajectories, tmp_path: Path) -> None:
    columns = d4rl_columns(table)
    wide = columns["rewards"].astype("f8")
    wide[[1, 6]] += [1e-9, 3e-9]
    path = write_d4rl_file(tmp_path / "a.hdf5", {**columns, "rewards": wide})
    found = imported(path, "d4rl")
    np.testing.assert_array_equal(found.reward, wide.astype("f4"))
    record = found.metadata["mended"]["narrowed"]
    error = np.abs(wide.astype("f4") - wide)
    assert record == {
        "rewards": {"from": "float64", "changed": 2, "largest_error": error.max()}
    }


def test_clipping(table: Trajectories, tmp_path: Path) -> None:
    columns = d4rl_columns(table)
    columns["actions"] = columns["actions"].copy()
    columns["actions"][[1, 5], [0, 1]] = [1.5, -3.25]
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    with pytest.raises(
        DataError,
        match=(
            r"row 1: must lie within -1 and 1; .* \(2 such rows, the worst -3.25 in"
            r" row 5\)"
        ),
    ):
        imported(path, "d4rl")
    found = imported(path, "d4rl", clip_actions=True)
    np.testing.assert_array_equal(found.action, np.clip(columns["actions"], -1, 1))
    assert (
        found.metadata["mended"]["clipped_actions"],
        found.metadata["mended"]["largest_excess"],
    ) == (2, 2.25)


def test_no_action_is_clipped_from_beyond_all_numbers(
    table: Trajectories, tmp_path: Path
) -> None:
    columns = d4rl_columns(table)
    columns["actions"][[1, 5], [0, 1]] = [1.5, np.inf]
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    with pytest.raises(DataError, match=r"column actions, row 5: must be finite"):
        imported(path, "d4rl", clip_actions=True)


@pytest.mark.parametrize("format", ["d4rl", "minari"])
def test_terminals_at_the_horizon(
    table: Trajectories,
    tmp_path: Path,
    format: str,
) -> None:
    flags = np.isin(np.arange(8), [2, 7]), np.isin(np.arange(8), [3])
    changed = Trajectories(
        **{**table.arrays(), "terminal": flags[0], "timeout": flags[1]}
    )
    if format == "d4rl":
        path = write_d4rl_file(tmp_path / "a.hdf5", d4rl_columns(changed))
    else:
        path = write_minari_folder(tmp_path / "a", minari_episodes(changed))
    with pytest.raises(
        DataError,
        match=(
            r"row (7|3 of episode_2): must be false on step 4.*"
            r"set terminals_at_horizon: timeout"
        ),
    ):
        imported(path, format)
    found = imported(path, format, terminals_at_horizon="timeout")
    _equal(found, table)
    assert found.metadata["mended"]["terminals_to_timeouts"] == 1


@pytest.mark.parametrize("none", ["absent", "false"])
def test_episodes_without_timeouts_end_at_the_horizon(
    table: Trajectories,
    tmp_path: Path,
    none: str,
) -> None:
    """Two episodes of 4 and one of 2, unfinished; nothing in the file ends them."""
    long = table.select(np.array([4, 5, 6, 7, 4, 5, 6, 7, 0, 1]))
    columns = {
        **d4rl_columns(long),
        "terminals": np.zeros(10, bool),
        "timeouts": np.zeros(10, bool),
    }
    path = write_d4rl_file(
        tmp_path / "a.hdf5",
        _without(columns, "timeouts") if none == "absent" else columns,
    )
    found = imported(path, "d4rl")
    assert found.lengths.tolist() == [4, 4, 2]
    assert np.flatnonzero(found.timeout).tolist() == [3, 7]
    assert found.metadata["mended"]["split_at_horizon"] == 2


def test_an_episode_beyond_the_horizon_is_not_split(
    make: Callable[..., Trajectories],
    tmp_path: Path,
) -> None:
    """The next observation shows that it went on: the suite's horizon is not that of
    the data."""
    columns = {**d4rl_columns(make((3, 7, 6))), "timeouts": np.zeros(16, bool)}
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    message = (
        "column terminals, row 3: must start an episode of at most 4 steps, the suite's"
        " horizon; found 13 steps"
    )
    with pytest.raises(DataError, match=message):
        imported(path, "d4rl")


def test_next_observations_are_derived(table: Trajectories, tmp_path: Path) -> None:
    """Each episode loses its last row unless it is terminal; the time-out moves to the
    row before."""
    path = write_d4rl_file(
        tmp_path / "a.hdf5", _without(d4rl_columns(table), "next_observations")
    )
    found = imported(path, "d4rl")
    kept = [0, 1, 2, 4, 5, 6]
    np.testing.assert_array_equal(found.observation, table.observation[kept])
    np.testing.assert_array_equal(found.action, table.action[kept])
    real = [0, 1, 3, 4, 5]  # row 2 is terminal: nothing follows
    np.testing.assert_array_equal(
        found.next_observation[real], table.next_observation[kept][real]
    )
    assert found.lengths.tolist() == [3, 3]
    assert found.episode.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.flatnonzero(found.terminal).tolist() == [2]
    assert np.flatnonzero(found.timeout).tolist() == [5]
    mended = found.metadata["mended"]
    assert (mended["rows_dropped"], mended["next_observations_derived"]) == (2, 5)


def test_terminals_that_the_suite_keeps_are_no_reason_to_warn(
    table: Trajectories,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    columns = {
        **d4rl_columns(table.select(slice(4, 8))),
        "terminals": np.arange(4) == 3,
        "timeouts": np.zeros(4, bool),
    }
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    found = imported(path, "d4rl", terminals_at_horizon="keep")
    assert found.terminal.tolist() == [False, False, False, True]
    assert found.metadata["mended"]["terminals_kept"] == 1
    assert "time-out was probably" not in caplog.text


def test_a_refusal_tells_of_no_change_where_float32_holds_all(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    columns = d4rl_columns(table)
    columns["actions"] = np.full((8, 2), 1.5, np.float64)
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    with pytest.raises(DataError, match="must lie within -1 and 1") as caught:
        imported(path, "d4rl")
    assert "float64" not in str(caught.value)


def test_no_next_observation_at_all(table: Trajectories, tmp_path: Path) -> None:
    path = write_d4rl_file(
        tmp_path / "a.hdf5",
        _without(d4rl_columns(table.select(slice(3, 4))), "next_observations"),
    )
    with pytest.raises(DataError, match="found 1 rows; none has a next observation"):
        imported(path, "d4rl")


def test_mended_terminals_cost_the_last_row(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    """A terminal that the clock made is none: without next observations its row
    goes."""
    columns = {
        **d4rl_columns(table.select(slice(4, 8))),
        "terminals": np.arange(4) == 3,
        "timeouts": np.zeros(4, bool),
    }
    path = write_d4rl_file(tmp_path / "a.hdf5", _without(columns, "next_observations"))
    found = imported(path, "d4rl", terminals_at_horizon="timeout")
    assert (
        len(found),
        found.terminal.any(),
        np.flatnonzero(found.timeout).tolist(),
    ) == (3, False, [2])


def test_own_bounds(tmp_path: Path) -> None:
    task = Task("own", 1, "gymnasium", {"id": "Pendulum-v1"}, 10)
    draw = np.random.default_rng(0)
    path = tmp_path / "a.hdf5"
    columns = {
        "observations": draw.normal(size=(11, 3)),
        "actions": draw.uniform(-2, 2, (11, 1)),
    }
    write_d4rl_file(
        path, {**columns, "rewards": np.zeros(11), "terminals": np.zeros(11, bool)}
    )
    table = import_source(Source(str(path), "d4rl"), task)
    assert (table.metadata["action_low"], table.metadata["action_high"]) == (
        [-2.0],
        [2.0],
    )
    np.testing.assert_allclose(table.scaled().action, table.action / 2, atol=1e-6)
    columns["actions"][3] = 2.5
    path = write_d4rl_file(
        path, {**columns, "rewards": np.zeros(11), "terminals": np.zeros(11, bool)}
    )
    with pytest.raises(
        DataError,
        match=r"column actions, row 3: must lie within -2 and 2; found \[2.5\]",
    ):
        import_source(Source(str(path), "d4rl"), task)


def test_own_parquet_is_mended_too(table: Trajectories, tmp_path: Path) -> None:
    """A terminal at the horizon in a table of ours is meant, unless the suite says
    otherwise."""
    odd = Trajectories(
        **{**table.arrays(), "terminal": np.arange(8) == 7}, metadata=table.metadata
    )
    write_trajectories(tmp_path / "a.parquet", odd)
    assert np.flatnonzero(
        imported(tmp_path / "a.parquet", "parquet").terminal
    ).tolist() == [7]
    mended = imported(tmp_path / "a.parquet", "parquet", terminals_at_horizon="timeout")
    assert not mended.terminal.any()
    assert mended.metadata["mended"]["terminals_to_timeouts"] == 1


def test_own_parquet_keeps_what_it_knows_of_its_ends(
    table: Trajectories, tmp_path: Path
) -> None:
    ends = {"diverged_episodes": 1, "broken_off": [1]}
    told = Trajectories(**table.arrays(), metadata={**table.metadata, **ends})
    write_trajectories(tmp_path / "a.parquet", told)
    found = imported(tmp_path / "a.parquet", "parquet")
    assert {name: found.metadata[name] for name in ends} == ends
    assert "timeouts_before_horizon" not in data_card(found)
    mended = imported(tmp_path / "a.parquet", "parquet", terminals_at_horizon="timeout")
    assert "diverged_episodes" not in mended.metadata


def test_attributes_that_never_end(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Damaged texts make HDF5 loop for ever; they are given up."""
    path = write_d4rl_file(
        tmp_path / "a.hdf5", d4rl_columns(table), note="of variable length"
    )
    monkeypatch.setattr(hdf5_attributes, "PATIENCE", 0.001)
    with pytest.raises(
        DataError, match=r"a\.hdf5: its attributes cannot be read within 0\.001 s"
    ):
        imported(path, "d4rl")
