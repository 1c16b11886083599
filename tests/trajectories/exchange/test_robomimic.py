"""HDF5 files of demonstrations: robomimic's, and such groups at the top of a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from oer_pipeline.trajectories.table import Trajectories
from tests.trajectories.foreign import imported, refused, same

KEYS = ["object", "eef_pos"]
"""The table's first two dimensions, and the other three."""


def write(path: Path, table: Trajectories, group: str = "data") -> Path:
    """As robomimic's post-processing does: named observations, pictures among them, and
    no time-outs."""
    with h5py.File(path, "w") as file:
        for number, start in enumerate(table.starts):
            own = table.select(slice(start, start + table.lengths[number]))
            demo = file.create_group(f"{group}/demo_{number}")
            for name, states in (
                ("obs", own.observation),
                ("next_obs", own.next_observation),
            ):
                demo[f"{name}/object"], demo[f"{name}/eef_pos"] = (
                    states[:, :2],
                    states[:, 2:],
                )
                demo[f"{name}/agentview_image"] = np.zeros((len(own), 4, 4, 3), "u1")
            demo["actions"], demo["rewards"] = own.action, own.reward
            demo["dones"] = own.terminal.astype("i8")
            demo["states"] = np.zeros((len(own), 9))
            demo.attrs["num_samples"] = len(own)
        file[group].attrs["env_args"] = json.dumps({"env_name": "Lift"})
        file[group].attrs["total"] = len(table)
    return path


def test_chosen_observations_in_the_order_given(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.hdf5", table)
    found = imported(path, "robomimic", observation_keys=KEYS)
    same(found, table)
    assert found.metadata["mended"]["ends_to_timeouts"] == 2
    assert found.metadata["collector"] == {
        "env_args": '{"env_name": "Lift"}',
        "total": 8,
    }
    turned = imported(path, "robomimic", observation_keys=KEYS[::-1])
    np.testing.assert_array_equal(
        turned.observation, table.observation[:, [2, 3, 4, 0, 1]]
    )
    np.testing.assert_array_equal(
        turned.next_observation, table.next_observation[:, [2, 3, 4, 0, 1]]
    )


def test_without_next_observations(table: Trajectories, tmp_path: Path) -> None:
    """Newer files leave them out; they are derived, and an episode's last row goes
    unless it is terminal."""
    path = write(tmp_path / "a.hdf5", table)
    with h5py.File(path, "a") as file:
        for number in range(3):
            del file[f"data/demo_{number}/next_obs"]
    found = imported(path, "robomimic", observation_keys=KEYS)
    assert found.lengths.tolist() == [3, 3]
    assert found.metadata["mended"]["rows_dropped"] == 2


def test_demonstrations_in_the_order_of_their_numbers(
    make: Any,
    tmp_path: Path,
) -> None:
    """`demo_10` follows `demo_9`, and filtered files have gaps."""
    table = make((1,) * 12)
    path = write(tmp_path / "a.hdf5", table)
    same(imported(path, "robomimic", observation_keys=KEYS), table)
    with h5py.File(path, "a") as file:
        del file["data/demo_5"]
    left = imported(path, "robomimic", observation_keys=KEYS)
    np.testing.assert_array_equal(
        left.observation, table.observation[table.episode != 5]
    )
    assert left.episode.tolist() == list(range(11))


def test_ends_that_are_no_terminal_states(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdf5", table)
    found = imported(
        path, "robomimic", observation_keys=KEYS, columns={"terminals": None}
    )
    assert not found.terminal.any()
    assert np.flatnonzero(found.timeout).tolist() == [2, 3, 7]


def at_the_top(path: Path, table: Trajectories, trailing: bool) -> Path:
    """`demo_k/observation` and the like, right below the root."""
    with h5py.File(path, "w") as file:
        for number, start in enumerate(table.starts):
            own = table.select(slice(start, start + table.lengths[number]))
            states = own.observation
            if trailing:
                states = np.concatenate((states, own.next_observation[-1:]))
            else:
                file[f"demo_{number}/next_observation"] = own.next_observation
            file[f"demo_{number}/observation"] = states
            file[f"demo_{number}/action"], file[f"demo_{number}/reward"] = (
                own.action,
                own.reward,
            )
            file[f"demo_{number}/terminal"] = own.terminal
    return path


TOP = {
    "observations": "observation",
    "actions": "action",
    "rewards": "reward",
    "terminals": "terminal",
}


@pytest.mark.parametrize("trailing", [False, True])
def test_groups_at_the_top(table: Trajectories, tmp_path: Path, trailing: bool) -> None:
    path = at_the_top(tmp_path / "a.hdf5", table, trailing)
    names = TOP if trailing else {**TOP, "next_observations": "next_observation"}
    same(imported(path, "robomimic", columns=names), table)


def test_what_is_missing_and_what_is_there(table: Trajectories, tmp_path: Path) -> None:
    path = at_the_top(tmp_path / "a.hdf5", table, False)
    message = refused(path, "robomimic")
    assert "demo_0: column obs is missing; column actions is missing" in message
    assert (
        "the episode holds action (3, 2), next_observation (3, 5), observation (3, 5)"
        in message
    )
    assert "give its names by columns" in message
    message = refused(path, "d4rl")
    assert "column observations is missing" in message
    assert "the file holds demo_0 to demo_2" in message
    assert "for a group an episode say format: robomimic" in message


def _edit(change: Callable[[h5py.File], Any]) -> Callable[[Path], None]:
    def edited(path: Path) -> None:
        with h5py.File(path, "a") as file:
            change(file)

    return edited


def _delete(name: str) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[name]

    return _edit(change)


def _replace(name: str, value: Any) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return _edit(change)


BAD: dict[str, tuple[Callable[[Path], Any], dict[str, Any], str]] = {
    "keys to be chosen": (
        lambda p: None,
        {},
        (
            "demo_0: column obs: it is a group; it holds agentview_image (3, 4, 4, 3),"
            " eef_pos (3, 3), object (3, 2): choose by observation_keys"
        ),
    ),
    "a key that is not there": (
        lambda p: None,
        {"observation_keys": ["object", "eef"]},
        "column obs: 'eef' is missing; it holds",
    ),
    "a picture": (
        lambda p: None,
        {"observation_keys": ["agentview_image"]},
        "column obs/agentview_image: found uint8; it takes float32 or float64",
    ),
    "too few dimensions": (
        lambda p: None,
        {"observation_keys": ["object"]},
        "column obs/object: found 2 dimensions; the task's environment has 5",
    ),
    "a key missing in one": (
        _delete("data/demo_1/obs/object"),
        {"observation_keys": KEYS},
        "demo_1: column obs/object is missing",
    ),
    "no demonstrations": (
        _edit(lambda f: [f.move("data", "more")]),
        {"observation_keys": KEYS},
        "found no groups demo_0, demo_1, ... in /; it holds more/",
    ),
    "groups of two names": (
        _edit(lambda f: [f.move("data/demo_1", "data/test_1")]),
        {"observation_keys": KEYS},
        "found groups of 2 names in /data; it holds demo_0, demo_2, test_1",
    ),
    "a link to elsewhere": (
        _replace("data/demo_1/rewards", h5py.ExternalLink("/etc/passwd", "x")),
        {"observation_keys": KEYS},
        "demo_1: column rewards is a link to elsewhere",
    ),
    "pickled values": (
        _replace("data/demo_1/rewards", np.void(b"\x80\x04N.")),
        {"observation_keys": KEYS},
        "demo_1: column rewards: found |V4; it takes float32 or float64",
    ),
    "done in the middle": (
        _replace("data/demo_2/dones", np.array([0, 1, 1, 0])),
        {"observation_keys": KEYS},
        "column dones, row 1 of demo_2: must be false before an episode's last row",
    ),
    "other rows": (
        _replace("data/demo_2/rewards", np.zeros(3)),
        {"observation_keys": KEYS},
        "demo_2: column rewards: found 3 rows; 4 actions take 4",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error(case: str, table: Trajectories, tmp_path: Path) -> None:
    change, options, says = BAD[case]
    path = write(tmp_path / "bad.hdf5", table)
    change(path)
    assert says in refused(path, "robomimic", **options)


def test_no_memory_for_a_claim(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdf5", table)
    with h5py.File(path, "a") as file:
        for name in ("actions", "rewards", "dones", "obs/object", "next_obs/object"):
            place = f"data/demo_0/{name}"
            shape, dtype = (10**9, *file[place].shape[1:]), file[place].dtype
            del file[place]
            file.create_dataset(
                place, shape=shape, dtype=dtype, chunks=(100_000, *shape[1:])
            )
    assert "claims 1000000005 rows" in refused(
        path, "robomimic", observation_keys=["object"]
    )


def test_pickled_attributes_are_text(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdf5", table)
    with h5py.File(path, "a") as file:
        file["data"].attrs["pickled"] = np.void(b"cos\nsystem\n(S'true'\ntR.")
    said = imported(path, "robomimic", observation_keys=KEYS).metadata["collector"][
        "pickled"
    ]
    assert isinstance(said, str)
    assert "system" in said or "\\x" in said
