"""A folder of npz archives, one an episode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oer_pipeline.trajectories.table import Trajectories
from tests.trajectories.foreign import d4rl_columns, imported, refused, same


def write(
    folder: Path,
    table: Trajectories,
    name: str = "{}.npz",
    **changed: Any,
) -> Path:
    """Every episode of the table in an archive of its own; a change of a column of None
    leaves it out."""
    folder.mkdir()
    for number, start in enumerate(table.starts):
        own = table.select(slice(start, start + table.lengths[number]))
        columns = {
            n: a for n, a in d4rl_columns(own).items() if changed.get(n, a) is not None
        }
        np.savez(folder / name.format(number), **columns)
    return folder


def states(folder: Path, table: Trajectories) -> Path:
    """As `write`, observations with one row more, and no next observations."""
    write(folder, table)
    for path in folder.iterdir():
        columns = dict(np.load(path))
        last = columns.pop("next_observations")[-1:]
        columns["observations"] = np.concatenate((columns["observations"], last))
        np.savez(path, **columns)
    return folder


def test_as_one_file(table: Trajectories, tmp_path: Path) -> None:
    found = imported(write(tmp_path / "a", table), "npz_episodes")
    same(found, table)
    assert found.metadata["source"]["format"] == "npz_episodes"
    assert len(found.metadata["source"]["sha256"]) == 64


def test_more_than_ten_in_the_order_of_their_numbers(make: Any, tmp_path: Path) -> None:
    table = make((2,) * 12)
    table.terminal[:] = False
    same(imported(write(tmp_path / "a", table), "npz_episodes"), table)
    same(
        imported(write(tmp_path / "b", table, "episode_{}.npz"), "npz_episodes"), table
    )


def test_a_trailing_observation_is_what_followed(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    same(imported(states(tmp_path / "a", table), "npz_episodes"), table)


def test_ends_without_time_outs(table: Trajectories, tmp_path: Path) -> None:
    found = imported(write(tmp_path / "a", table, timeouts=None), "npz_episodes")
    same(found, table)
    assert found.metadata["mended"]["ends_to_timeouts"] == 2


def test_next_observations_are_derived_inside_episodes(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    found = imported(
        write(tmp_path / "a", table, next_observations=None), "npz_episodes"
    )
    assert found.lengths.tolist() == [3, 3]
    assert found.metadata["mended"]["rows_dropped"] == 2


def test_names_of_their_own(table: Trajectories, tmp_path: Path) -> None:
    folder = write(tmp_path / "a", table)
    for path in folder.iterdir():
        columns = dict(np.load(path))
        columns["dones"] = columns.pop("terminals")
        np.savez(path, **columns)
    same(imported(folder, "npz_episodes", columns={"terminals": "dones"}), table)
    assert "0.npz: column terminals is missing; the episode holds" in refused(
        folder, "npz_episodes"
    )


def _change(
    number: int,
    change: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / f"{number}.npz"
        np.savez(path, **change(dict(np.load(path))))

    return changed


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a gap": (
        lambda f: (f / "1.npz").unlink(),
        "found 2.npz where episode 1 should be",
    ),
    "a number twice": (
        lambda f: (f / "01.npz").write_bytes((f / "1.npz").read_bytes()),
        "where episode 2 should be",
    ),
    "a name without number": (
        lambda f: (f / "more.npz").write_bytes(b""),
        "more.npz has no number at the end of its name",
    ),
    "an archive that is none": (
        lambda f: (f / "2.npz").write_bytes(b"no"),
        "2.npz: not an npz archive",
    ),
    "a column missing in one": (
        _change(2, lambda c: {n: a for n, a in c.items() if n != "rewards"}),
        "2.npz: column rewards is missing; the episode holds observations (4, 5)",
    ),
    "a column that the first lacks": (
        lambda f: [
            _change(0, lambda c: {n: a for n, a in c.items() if n != "timeouts"})(f)
        ],
        "1.npz: it has timeouts, and",
    ),
    "other rows": (
        _change(1, lambda c: {**c, "rewards": np.zeros(3, "f4")}),
        "1.npz: column rewards: found 3 rows; 1 actions take 1",
    ),
    "another width": (
        _change(2, lambda c: {**c, "actions": np.zeros((4, 3), "f4")}),
        "2.npz: column actions: found rows of shape (3,); ",
    ),
    "no step": (
        _change(0, lambda c: {n: a[:0] for n, a in c.items()}),
        "0.npz: found 0 steps; an episode needs at least one",
    ),
    "no rewards": (
        _change(0, lambda c: {n: a for n, a in c.items() if n != "rewards"}),
        "give its names by columns (rewards: null where there are none)",
    ),
    "a terminal inside": (
        _change(2, lambda c: {**c, "terminals": np.array([0, 1, 0, 0])}),
        "column terminals, row 1 of 2.npz: must be false before an episode's last row",
    ),
    "not finite": (
        _change(2, lambda c: {**c, "rewards": np.array([0, np.inf, 0, 0])}),
        "column rewards, row 1 of 2.npz: must be finite; found inf",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error(case: str, table: Trajectories, tmp_path: Path) -> None:
    change, says = BAD[case]
    folder = write(tmp_path / "bad", table)
    change(folder)
    assert says in refused(folder, "npz_episodes")


def test_more_than_the_archives_can_hold(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from oer_pipeline.trajectories import file_checks

    monkeypatch.setattr(file_checks.os, "sysconf", lambda _: 8)
    folder = write(tmp_path / "a", table)
    assert "8 rows take" in refused(folder, "npz_episodes")


@pytest.mark.parametrize("value", [np.nan, 1e99])
def test_the_state_after_the_last_step_is_named_where_the_file_has_it(
    value: float,
    table: Trajectories,
    tmp_path: Path,
) -> None:
    """Once, as a row of observations: there is no column of next ones."""
    folder = states(tmp_path / "a", table)
    columns = dict(np.load(folder / "2.npz"))
    columns["observations"] = columns["observations"].astype(np.float64)
    columns["observations"][4, 0] = value
    np.savez(folder / "2.npz", **columns)
    message = refused(folder, "npz_episodes")
    assert message.count("column ") == 1
    assert "column observations, row 4 of 2.npz: must be " in message
