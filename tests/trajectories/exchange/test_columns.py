"""What a source says of a file's columns: their names, their order, which dimensions,
and that there are no rewards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl, write_d4rl
from oer_pipeline.trajectories.exchange.minari import write_minari
from oer_pipeline.trajectories.exchange.round_trip import restore
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.table import Trajectories, write_trajectories
from tests.trajectories.conftest import make_table
from tests.trajectories.foreign import (
    d4rl_columns,
    imported,
    minari_episodes,
    refused,
    same,
    write_d4rl_file,
    write_minari_folder,
)

MACAW = {
    "observations": "obs",
    "next_observations": "next_obs",
    "terminals": "terminals",
    "timeouts": None,
}


def macaw(path: Path, table: Trajectories) -> Path:
    """As MACAW's buffers store trajectories: every step before the one that it
    followed, values as (N, 1)."""
    columns = {
        "obs": table.observation,
        "actions": table.action,
        "rewards": table.reward[:, None],
        "terminals": table.terminal[:, None],
        "next_obs": table.next_observation,
        "mc_rewards": np.zeros((len(table), 1), "f4"),
        "terminal_obs": table.next_observation,
    }
    with h5py.File(path, "w") as file:
        for name, array in columns.items():
            file.create_dataset(name, data=array[::-1], compression="lzf")
        file["discount_factor"] = 0.99
    return path


@pytest.fixture
def long() -> Trajectories:
    """A terminal episode of three steps, and two that the horizon ends."""
    return make_table((3, 4, 4))


def test_macaw(long: Trajectories, tmp_path: Path) -> None:
    path = macaw(tmp_path / "a.hdf5", long)
    found = imported(path, "d4rl", columns=MACAW, reversed=True)
    same(found, long)
    mended = found.metadata["mended"]
    assert (mended["reversed"], mended["split_at_horizon"]) == (11, 2)


def test_backwards_is_found_out(long: Trajectories, tmp_path: Path) -> None:
    path = macaw(tmp_path / "a.hdf5", long)
    message = refused(path, "d4rl", columns=MACAW)
    assert (
        "column next_obs, row 1: must be followed by what it holds; found it in the row"
        " before" in message
    )
    assert "say reversed: true" in message


def test_forwards_is_found_out(long: Trajectories, tmp_path: Path) -> None:
    path = write_d4rl_file(tmp_path / "a.hdf5", d4rl_columns(long))
    message = refused(path, "d4rl", reversed=True)
    assert (
        "(reversed: rows count from its end): column next_observations, row 1: must be"
        " followed" in message
    )
    assert "leave reversed out: the file's first row came first" in message


def test_rows_of_a_reversed_file_count_from_its_end(
    long: Trajectories,
    tmp_path: Path,
) -> None:
    odd = Trajectories(
        **{**long.arrays(), "reward": np.where(np.arange(11) == 2, np.nan, long.reward)}
    )
    odd.reward.flags.writeable = True
    path = macaw(tmp_path / "a.hdf5", odd)
    message = refused(path, "d4rl", columns=MACAW, reversed=True)
    assert (
        "(reversed: rows count from its end): column rewards, row 2: must be finite"
        in message
    )


def test_names_in_hdf5(table: Trajectories, tmp_path: Path) -> None:
    columns = d4rl_columns(table)
    columns["infos/state"] = columns.pop("observations")
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    same(imported(path, "d4rl", columns={"observations": "infos/state"}), table)
    message = refused(path, "d4rl")
    assert (
        "column observations is missing; the file holds actions (8, 2), infos/"
        in message
    )


@pytest.mark.parametrize(
    "link",
    [
        h5py.ExternalLink("other.hdf5", "/"),
        h5py.ExternalLink("nowhere.hdf5", "/"),
        h5py.SoftLink("/infos"),
        h5py.SoftLink("/linked"),
    ],
    ids=["another file", "no file", "another group", "a circle"],
)
@pytest.mark.parametrize("name", ["linked/r", "/infos/linked/r", "linked/nothing"])
def test_no_link_on_the_way_to_a_column_is_followed(
    name: str,
    link: Any,
    table: Trajectories,
    tmp_path: Path,
) -> None:
    columns = d4rl_columns(table)
    rewards = columns.pop("rewards")
    columns["infos/r"] = rewards
    write_d4rl_file(tmp_path / "other.hdf5", {"r": rewards})
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    with h5py.File(path, "a") as file:
        file["linked"] = link
        file["infos/linked"] = link
    message = refused(path, "d4rl", columns={"rewards": name})
    assert f"column {name} is a link to elsewhere" in message


@pytest.fixture
def grouped(table: Trajectories, tmp_path: Path) -> Path:
    """A file whose rewards lie in a group."""
    columns = d4rl_columns(table)
    columns["infos/r"] = columns.pop("rewards")
    return write_d4rl_file(tmp_path / "a.hdf5", columns)


@pytest.mark.parametrize("name", ["infos/r", "/infos/r", "./infos//r"])
def test_a_column_of_a_group_may_be_named_by_any_path(
    name: str,
    grouped: Path,
    table: Trajectories,
) -> None:
    same(imported(grouped, "d4rl", columns={"rewards": name}), table)


@pytest.mark.parametrize("name", ["infos/nothing", "nothing/r", "actions/r", "/", "."])
def test_a_column_that_no_path_leads_to_is_missing(
    name: str,
    grouped: Path,
) -> None:
    message = refused(grouped, "d4rl", columns={"rewards": name})
    assert f"column {name} is missing" in message


@pytest.mark.parametrize("given", [3, "3", [3], "3-3"])
def test_a_single_dimension_may_be_given_in_every_form(given: Any) -> None:
    assert Source("a.h5", "d4rl", observation_dimensions=given).dimensions == [3]


def test_a_file_may_call_what_it_holds_anything(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    """Two lines, the colours of a terminal, a name of a thousand letters."""
    odd = {"a\nb": table.reward, "\x1b[31mred": table.reward, "x" * 1_000: table.reward}
    message = refused(write_d4rl_file(tmp_path / "a.hdf5", odd), "d4rl")
    assert message.isprintable()
    assert "the file holds '\\x1b[31mred (8,)', 'a\\nb (8,)', xxx" in message


def test_what_there_need_not_be_is_said(table: Trajectories, tmp_path: Path) -> None:
    columns = d4rl_columns(table)
    del columns["rewards"], columns["terminals"]
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    says = "give its names by columns (rewards: null, terminals: null where there are"
    assert says in refused(path, "d4rl")


def test_minaris_main_file_is_no_file_of_columns(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    folder = write_minari_folder(tmp_path / "a", minari_episodes(table))
    message = refused(folder / "data" / "main_data.hdf5", "d4rl")
    assert message.endswith("; of a Minari data set give the folder")


def test_a_column_is_one_of_ours(table: Trajectories, tmp_path: Path) -> None:
    """A file that calls its terminal flags as others call time-outs."""
    columns = d4rl_columns(table.select(slice(0, 3)))
    columns["timeouts"] = columns.pop("terminals")
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    names: dict[str, str | None] = {"terminals": "timeouts"}
    message = refused(path, "d4rl", columns=names)
    assert (
        "column timeouts would be read as terminals and as timeouts; say null for one,"
        " in columns" in message
    )
    elsewhere: dict[str, str | None] = {**names, "timeouts": "/timeouts"}
    message = refused(path, "d4rl", columns=elsewhere)
    assert "would be read as terminals and as timeouts" in message
    found = imported(path, "d4rl", columns={**names, "timeouts": None})
    assert found.terminal.tolist() == [False, False, True]


def test_errors_call_columns_as_the_file_does(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    columns = d4rl_columns(table)
    columns["act"] = np.full((8, 2), 1.5)
    path = write_d4rl_file(tmp_path / "a.hdf5", columns)
    assert "column act, row 0: must lie within -1 and 1" in refused(
        path, "d4rl", columns={"actions": "act"}
    )


def test_dimensions_of_an_older_environment(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    """A Minari set of a version that observed contact forces too."""
    episodes = minari_episodes(table)
    for columns in episodes:
        states = columns["observations"]
        columns["observations"] = np.concatenate(
            (states, np.full((len(states), 84), 7.0, "f4")), axis=1
        )
    folder = write_minari_folder(tmp_path / "a", episodes)
    message = refused(folder, "minari")
    assert (
        "column observations: found 89 dimensions; the task's environment has 5"
        in message
    )
    assert "choose them by observation_dimensions" in message
    found = imported(folder, "minari", observation_dimensions="0-4")
    same(found, table)
    assert found.metadata["mended"]["observation_dimensions"] == {
        "kept": [0, 1, 2, 3, 4],
        "of": 89,
    }
    turned = imported(folder, "minari", observation_dimensions=[4, 3, 2, 1, 0])
    np.testing.assert_array_equal(
        turned.next_observation, table.next_observation[:, ::-1]
    )
    message = refused(folder, "minari", observation_dimensions="0-3+89")
    assert (
        "column observations: found dimensions 0 to 88; observation_dimensions asks"
        " for 89" in message
    )


@pytest.mark.parametrize("storage", ["arrow", "parquet"])
def test_other_storage_of_minari_is_named(
    table: Trajectories,
    tmp_path: Path,
    storage: str,
) -> None:
    """Such a folder has no main_data.hdf5."""
    folder = write_minari_folder(
        tmp_path / "a", minari_episodes(table), data_format=storage
    )
    (folder / "data" / "main_data.hdf5").unlink()
    message = refused(folder, "minari")
    assert f"metadata.json: data_format is '{storage}'; only hdf5 is read" in message


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_arrow_set_that_minari_wrote_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gymnasium = pytest.importorskip("gymnasium")
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    box = gymnasium.spaces.Box
    buffer = minari.data_collector.EpisodeBuffer(
        observations=np.zeros((3, 5), "f4"),
        actions=np.zeros((2, 2), "f4"),
        rewards=np.zeros(2),
        terminations=np.array([False, True]),
        truncations=np.zeros(2, bool),
    )
    minari.create_dataset_from_buffers(
        "own/arrow-v0",
        [buffer],
        observation_space=box(-np.inf, np.inf, (5,), np.float32),
        action_space=box(-1, 1, (2,), np.float32),
        data_format="arrow",
    )
    with pytest.raises(
        DataError,
        match=r"own/arrow-v0: metadata\.json: data_format is 'arrow'; only hdf5",
    ):
        imported(Path("own/arrow-v0"), "minari")


def _rewardless(table: Trajectories) -> Trajectories:
    return Trajectories(**{**table.arrays(), "reward": None}, metadata=table.metadata)


def test_without_rewards_only_when_told_so(table: Trajectories, tmp_path: Path) -> None:
    """Absent everywhere, and never by accident."""
    mine = _rewardless(table)
    write_trajectories(tmp_path / "a.parquet", mine)
    write_d4rl(tmp_path / "a.hdf5", mine)
    none = {"rewards": None}
    for name, format in (("a.parquet", "parquet"), ("a.hdf5", "d4rl")):
        found = imported(tmp_path / name, format, columns=none)
        same(found, mine)
        assert found.reward is None
        message = refused(tmp_path / name, format)
        assert (
            "it has no rewards; say columns: {rewards: null} to clone them" in message
        )
    restored: Any = restore(read_d4rl(tmp_path / "a.hdf5"))
    same(restored, mine)
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert "rewards" not in file
        header = json.loads(file.attrs["oer_pipeline"])
    assert header["absent"] == "reward"


def test_minari_has_rewards(table: Trajectories, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="these data have no rewards, and every Minari data set has"
    ):
        write_minari(tmp_path / "a", _rewardless(table), "own/a-v0")
    assert not (tmp_path / "a").exists()
