"""npz archives with D4RL's columns: read as an HDF5 file is, nothing unpickled, no
memory for a lie."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oer_pipeline.trajectories import file_checks
from oer_pipeline.trajectories.exchange import npz
from oer_pipeline.trajectories.table import Trajectories
from tests.trajectories.foreign import d4rl_columns, imported, refused, same

BILLION = 10**9


def write(path: Path, columns: Mapping[str, Any], packed: bool = False) -> Path:
    (np.savez_compressed if packed else np.savez)(path, **columns)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_as_hdf5(table: Trajectories, tmp_path: Path, packed: bool) -> None:
    path = write(tmp_path / "a.npz", d4rl_columns(table), packed)
    found = imported(path, "npz")
    same(found, table)
    assert found.metadata["collector"] is None
    assert found.metadata["source"]["format"] == "npz"


def test_any_blocks_orders_and_dtypes(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(npz, "BLOCK", 3)
    columns = d4rl_columns(table)
    columns["observations"] = np.asfortranarray(columns["observations"])
    columns["actions"] = columns["actions"].astype(">f8")
    columns["rewards"] = columns["rewards"][:, None]
    columns["terminals"] = columns["terminals"].astype("u1")
    found = imported(write(tmp_path / "a.npz", columns), "npz")
    same(found, table)
    assert list(found.metadata["mended"]["narrowed"]) == ["actions"]


def test_names_of_their_own(table: Trajectories, tmp_path: Path) -> None:
    columns = d4rl_columns(table)
    columns["obs"] = columns.pop("observations")
    columns["dones"] = columns.pop("terminals")
    path = write(tmp_path / "a.npz", columns)
    names = {"observations": "obs", "terminals": "dones"}
    same(imported(path, "npz", columns=names), table)
    message = refused(path, "npz")
    assert (
        "column observations is missing; column terminals is missing; the file holds"
        in message
    )
    assert "obs (8, 5)" in message
    assert "dones (8,)" in message
    assert "give its names by columns" in message


def test_a_told_column_has_to_be_there(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", d4rl_columns(table))
    assert "column ends is missing" in refused(
        path, "npz", columns={"timeouts": "ends"}
    )


def test_no_terminals_and_no_rewards_when_told_so(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    columns = d4rl_columns(table)
    del columns["terminals"], columns["rewards"]
    columns["timeouts"] = columns["timeouts"] | table.terminal
    path = write(tmp_path / "a.npz", columns)
    found = imported(path, "npz", columns={"rewards": None, "terminals": None})
    assert found.reward is None
    assert not found.terminal.any()
    assert found.timeout.sum() == 3
    assert "column rewards is missing" in refused(
        path, "npz", columns={"terminals": None}
    )


def test_rewards_are_left_out_when_told_so(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", d4rl_columns(table))
    assert imported(path, "npz", columns={"rewards": None}).reward is None


def _member(
    path: Path,
    name: str,
    content: bytes,
    way: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """The archive with another member in place of `name`."""
    old = {}
    with zipfile.ZipFile(path) as archive:
        old = {n: archive.read(n) for n in archive.namelist() if n != f"{name}.npy"}
    with zipfile.ZipFile(path, "w") as archive:
        for member, kept in old.items():
            archive.writestr(member, kept)
        archive.writestr(f"{name}.npy", content, way)
    return path


def _array(
    shape: tuple[int, ...],
    dtype: str,
    content: bytes,
    version: tuple[int, int] = (1, 0),
) -> bytes:
    """An .npy of that header, whatever is in it."""
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    if version == (1, 0):
        np.lib.format.write_array_header_1_0(file, header)
    else:
        np.lib.format.write_array_header_2_0(file, header)
    return file.getvalue() + content


def _objects(path: Path) -> Path:
    file = io.BytesIO()
    np.save(file, np.array([Unpickled()] * 8, dtype=object), allow_pickle=True)
    return _member(path, "rewards", file.getvalue())


class Unpickled:
    """What would show that something was unpickled."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("unpickled",)


Change = Callable[[Path], Any]
BAD: dict[str, tuple[Change, str]] = {
    "no zip": (
        lambda p: p.write_bytes(b"PK no zip"),
        "not an npz archive: it is no whole zip file",
    ),
    "empty": (lambda p: p.write_bytes(b""), "not an npz archive"),
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:900]), "not an npz archive"),
    "Python objects": (
        _objects,
        (
            "column rewards: found Python objects, which only unpickling reads; it"
            " takes numbers"
        ),
    ),
    "text": (
        lambda p: write(p, {**dict(np.load(p)), "rewards": np.array(["a"] * 8)}),
        "column rewards: found <U1; it takes float32 or float64",
    ),
    "a wrong shape": (
        lambda p: write(p, {**dict(np.load(p)), "rewards": np.zeros((8, 2), "f4")}),
        "column rewards: found shape (8, 2); it takes (N,)",
    ),
    "fewer rows": (
        lambda p: write(p, {**dict(np.load(p)), "rewards": np.zeros(7, "f4")}),
        "column rewards: found 7 rows; observations have 8",
    ),
    "no rows": (
        lambda p: write(p, {n: a[:0] for n, a in np.load(p).items()}),
        "column observations: found 0 rows",
    ),
    "NaN": (
        lambda p: write(
            p, {**dict(np.load(p)), "rewards": np.array([0, 0, np.nan] + [0] * 5)}
        ),
        "column rewards, row 2: must be finite; found nan",
    ),
    "flags of 2": (
        lambda p: write(p, {**dict(np.load(p)), "terminals": np.arange(8) // 7 * 2}),
        "column terminals, row 7: must be 0 or 1; found 2",
    ),
    "an action out of bounds": (
        lambda p: write(p, {**dict(np.load(p)), "actions": np.full((8, 2), 1.5)}),
        "column actions, row 0: must lie within -1 and 1; found [1.5 1.5] (8 such rows",
    ),
    "a header that claims more": (
        lambda p: _member(p, "rewards", _array((BILLION,), "<f4", bytes(32))),
        "column rewards: claims 4000000000 bytes of values; it holds 32",
    ),
    "a negative shape": (
        lambda p: _member(p, "actions", _array((-8, -2), "<f4", bytes(64))),
        "column actions",
    ),
    "a header that is none": (
        lambda p: _member(p, "rewards", b"\x93NUMPY\x01\x00"),
        "npz archive",
    ),
    "no array": (
        lambda p: _member(p, "rewards", b"text"),
        "not a readable npz archive",
    ),
    "another packing": (
        lambda p: _member(
            p, "rewards", _array((8,), "<f4", bytes(32)), zipfile.ZIP_LZMA
        ),
        "column rewards: packed in way 14; it takes numpy's, stored or deflated",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error(case: str, table: Trajectories, tmp_path: Path) -> None:
    change, says = BAD[case]
    path = write(tmp_path / "bad.npz", d4rl_columns(table))
    change(path)
    assert says in refused(path, "npz")


def test_no_memory_for_a_lie(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", d4rl_columns(table))
    _member(path, "observations", _array((40_000_000, 5), "<f4", b""))
    tracemalloc.start()
    message = refused(path, "npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (
        "column observations: claims 800000000 bytes of values; it holds 0" in message
    )
    assert peak < 10**7


def test_more_than_memory_holds(
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_checks.os, "sysconf", lambda _: 8)
    path = write(tmp_path / "a.npz", d4rl_columns(table), packed=True)
    assert "8 rows take" in refused(path, "npz")


def test_an_array_twice(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", d4rl_columns(table))
    with (
        pytest.warns(UserWarning, match="Duplicate"),
        zipfile.ZipFile(path, "a") as archive,
    ):
        archive.writestr("rewards.npy", b"")
    assert "array rewards.npy is there twice" in refused(path, "npz")


def test_a_later_format_version_of_numpy(table: Trajectories, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", d4rl_columns(table))
    rewards = _array((8,), "<f4", table.reward.tobytes(), (2, 0))
    same(imported(_member(path, "rewards", rewards), "npz"), table)
