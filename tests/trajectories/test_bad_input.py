"""Bad input, kind by kind and format by format: one error that names file, column, row
and rule; nothing written."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.suites.importing import import_source
from oer_pipeline.trajectories import arrow, file_checks
from oer_pipeline.trajectories.buffer import ReplayBuffer, write_buffer
from oer_pipeline.trajectories.exchange.d4rl import write_d4rl
from oer_pipeline.trajectories.exchange.minari import write_minari
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.schema import TRANSITIONS
from oer_pipeline.trajectories.table import Trajectories, write_trajectories
from tests.trajectories.foreign import (
    TASK,
    Columns,
    d4rl_columns,
    imported,
    minari_episodes,
    write_d4rl_file,
    write_minari_folder,
)

BILLION = 10**9
Make = Callable[[Path, Trajectories], Path]
Case = tuple[Make, Sequence[str]]
"""(what makes the bad input in a folder, what the error has to say besides the
path)."""


def _put(array: Any, place: Any, value: Any, dtype: str | None = None) -> Any:
    changed = np.array(array, dtype=dtype)
    changed[place] = value
    return changed


# --- D4RL -----------------------------------------------------------------------------


def d4rl(change: Callable[[Columns], Columns], *says: str) -> Case:
    """A D4RL file with other columns."""
    return lambda folder, table: write_d4rl_file(
        folder / "bad.hdf5", change(d4rl_columns(table))
    ), says


def d4rl_put(
    column: str,
    place: Any,
    value: Any,
    *says: str,
    dtype: str | None = None,
) -> Case:
    """A D4RL file with another value."""
    return d4rl(lambda c: {**c, column: _put(c[column], place, value, dtype)}, *says)


def d4rl_file(change: Callable[[h5py.File], None], *says: str) -> Case:
    """A D4RL file that is changed once it is written."""

    def make(folder: Path, table: Trajectories) -> Path:
        path = write_d4rl_file(folder / "bad.hdf5", d4rl_columns(table))
        with h5py.File(path, "a") as file:
            change(file)
        return path

    return make, says


def d4rl_bytes(change: Callable[[bytes], bytes], *says: str) -> Case:
    """A D4RL file with other bytes."""

    def make(folder: Path, table: Trajectories) -> Path:
        path = write_d4rl_file(folder / "bad.hdf5", d4rl_columns(table))
        path.write_bytes(change(path.read_bytes()))
        return path

    return make, says


def d4rl_export(change: Callable[[h5py.File], None], *says: str) -> Case:
    """An export of ours that somebody changed."""

    def make(folder: Path, table: Trajectories) -> Path:
        write_d4rl(folder / "bad.hdf5", table)
        with h5py.File(folder / "bad.hdf5", "a") as file:
            change(file)
        return folder / "bad.hdf5"

    return make, says


def _replace(name: str, **creation: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **creation)

    return change


def _claim(file: h5py.File) -> None:
    """A thousand million rows that nobody wrote."""
    for name, item in list(file.items()):
        shape, dtype = (BILLION, *item.shape[1:]), item.dtype
        del file[name]
        file.create_dataset(
            name, shape=shape, dtype=dtype, chunks=(100_000, *shape[1:])
        )


def _elsewhere(name: str, link: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return change


def _replace_by_group(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_group(name)

    return change


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(8,), dtype="f4")
    layout[:] = h5py.VirtualSource("other.hdf5", "rewards", shape=(8,))
    del file["rewards"]
    file.create_virtual_dataset("rewards", layout)


def _header(**values: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file.attrs["oer_pipeline"] = json.dumps(
            {**json.loads(file.attrs["oer_pipeline"]), **values}
        )

    return change


def _first(columns: Columns, rows: int) -> Columns:
    return {name: array[:rows] for name, array in columns.items()}


TEXT = h5py.string_dtype()
D4RL: dict[str, Case] = {
    "empty file": d4rl_bytes(lambda b: b"", "not a readable HDF5 file"),
    "truncated file": d4rl_bytes(
        lambda b: b[: len(b) // 2], "not a readable HDF5 file", "truncated"
    ),
    "without its first bytes": d4rl_bytes(lambda b: b[8:], "not a readable HDF5 file"),
    "a pickle in disguise": d4rl_bytes(
        lambda b: pickle.dumps({"observations": [1.0]}), "not a readable HDF5 file"
    ),
    "a Parquet file in disguise": d4rl_bytes(
        lambda b: b"PAR1" + b, "not a readable HDF5 file"
    ),
    "a directory": (lambda folder, _: folder, ("found a folder; it takes a file",)),
    "no file": (lambda folder, _: folder / "nowhere.hdf5", ("no such file",)),
    "no columns at all": d4rl(
        lambda c: {},
        "column observations is missing",
        "column rewards is missing",
        "column terminals is missing",
    ),
    "missing column": d4rl(
        lambda c: {k: v for k, v in c.items() if k != "actions"},
        "column actions is missing",
    ),
    "a group for a data set": d4rl_file(
        _replace_by_group("rewards"),
        "column rewards: found a group; it takes a data set",
    ),
    "one number for a column": d4rl(
        lambda c: {**c, "rewards": np.float32(1)}, "column rewards: found shape ()"
    ),
    "an empty data space": d4rl_file(
        _elsewhere("rewards", h5py.Empty("f4")),
        "column rewards: found shape None; it takes (N,)",
    ),
    "vectors for numbers": d4rl(
        lambda c: {**c, "rewards": c["actions"]}, "column rewards: found shape (8, 2)"
    ),
    "numbers for vectors": d4rl(
        lambda c: {**c, "actions": c["rewards"]},
        "column actions: found shape (8,); it takes",
    ),
    "3-D arrays": d4rl(
        lambda c: {**c, "observations": np.zeros((8, 5, 1), "f4")},
        "observations: found shape (8, 5, 1",
    ),
    "a column that is shorter": d4rl(
        lambda c: {**c, "rewards": c["rewards"][:7]}, "rewards: found 7 rows", "have 8"
    ),
    "columns of three lengths": d4rl(
        lambda c: {**c, "rewards": c["rewards"][:7], "actions": c["actions"][:3]},
        "rewards: found 7",
        "actions: found 3",
    ),
    "next observations of another width": d4rl(
        lambda c: {**c, "next_observations": c["next_observations"][:, :4]},
        "next_observations: found 4 dimensions",
    ),
    "zero transitions": d4rl(lambda c: _first(c, 0), "found 0 rows"),
    "float16": d4rl(
        lambda c: {**c, "observations": c["observations"].astype("f2")},
        "found float16; it takes float32",
    ),
    "long doubles": d4rl(
        lambda c: {**c, "actions": c["actions"].astype("g")},
        "actions: found float128; it takes",
    ),
    "whole numbers for actions": d4rl(
        lambda c: {**c, "actions": np.zeros((8, 2), int)}, "actions: found int64"
    ),
    "complex numbers": d4rl(
        lambda c: {**c, "rewards": np.zeros(8, complex)},
        "column rewards: found complex128",
    ),
    "object columns": d4rl_file(
        _replace("rewards", data=["1.0"] * 8, dtype=TEXT), "rewards: found object"
    ),
    "strings for numbers": d4rl_file(
        _replace("rewards", data=np.array([b"1.0"] * 8)), "column rewards: found |S3"
    ),
    "strings for flags": d4rl_file(
        _replace("terminals", data=np.array([b"no"] * 8)),
        "terminals: found |S2",
        "0 and 1",
    ),
    "records": d4rl_file(
        _replace("rewards", data=np.zeros(8, [("r", "f4")])),
        "column rewards: found [('r'",
    ),
    "flags that are neither 0 nor 1": d4rl_put(
        "terminals", 5, 2, "terminals, row 5: must be 0 or 1; found 2", dtype="u1"
    ),
    "negative flags": d4rl_put(
        "timeouts", 3, -1, "timeouts, row 3: must be 0 or 1; found -1", dtype="i8"
    ),
    "NaN for a flag": d4rl_put(
        "terminals",
        1,
        np.nan,
        "terminals, row 1: must be 0 or 1; found nan",
        dtype="f8",
    ),
    "NaN": d4rl_put(
        "observations",
        (0, 3),
        np.nan,
        "column observations, row 0: must be finite; found [",
    ),
    "NaN in actions": d4rl_put(
        "actions", (6, 1), np.nan, "column actions, row 6: must be finite"
    ),
    "infinite": d4rl_put(
        "rewards",
        [2, 4],
        -np.inf,
        "rewards, row 2: must be finite; found -inf (2 such rows)",
    ),
    "beyond float32": d4rl_put(
        "rewards",
        6,
        1e300,
        "column rewards, row 6: must be within float32's range",
        "found 1e+300",
        dtype="f8",
    ),
    "actions out of bounds": d4rl_put(
        "actions",
        (4, 0),
        1.5,
        "actions, row 4: must lie within -1 and 1",
        "worst 1.5 in row 4",
        "clip_actions: true",
    ),
    "a terminal at the horizon": d4rl_put(
        "terminals", 7, True, "terminals, row 7:", "terminals_at_horizon: timeout"
    ),
    "next observation that does not continue": d4rl_put(
        "next_observations",
        (5, 0),
        9,
        "column next_observations, row 5: must equal the next row's observation",
    ),
    "a lost row": d4rl(
        lambda c: {k: np.delete(v, 1, 0) for k, v in c.items()},
        "next_observations, row 0: must equal",
    ),
    "another suite's observations": d4rl(
        lambda c: {
            **c,
            "observations": np.zeros((8, 17), "f4"),
            "next_observations": np.zeros((8, 17), "f4"),
        },
        "observations: found 17 dimensions; the task's environment has 5",
    ),
    "actions of another width": d4rl(
        lambda c: {**c, "actions": np.zeros((8, 6), "f4")},
        "actions: found 6 dimensions; the task's environment has 2",
    ),
    "vectors of no width": d4rl(
        lambda c: {**c, "actions": np.zeros((8, 0), "f4")},
        "actions: found 0 dimensions",
    ),
    "horizon mismatch": d4rl_put(
        "timeouts",
        3,
        False,
        "row 3: must start an episode of at most 4",
        "found 5 steps",
    ),
    "a thousand million claimed rows": d4rl_file(
        _claim, "claims 1000000000 rows of", "cannot"
    ),
    "rows that memory cannot hold": (
        lambda folder, table: write_d4rl_file(
            folder / "huge.hdf5", d4rl_columns(table)
        ),
        ("8 rows take", "bytes of memory; this machine has"),
    ),
    "a link to another file": d4rl_file(
        _elsewhere("rewards", h5py.ExternalLink("/etc/passwd", "x")),
        "rewards is a link to elsewhere",
    ),
    "a link to another column": d4rl_file(
        _elsewhere("rewards", h5py.SoftLink("/actions")), "rewards is a link"
    ),
    "a link in a circle": d4rl_file(
        _elsewhere("rewards", h5py.SoftLink("/rewards")),
        "rewards is a link to elsewhere",
    ),
    "data in another file": d4rl_file(
        _replace("rewards", shape=(8,), dtype="f4", external="other.bin"),
        "rewards: found data kept in another file",
    ),
    "virtual data": d4rl_file(
        _virtual, "column rewards: found data kept in another file"
    ),
    "three flaws at once": d4rl(
        lambda c: {
            **c,
            "rewards": _put(c["rewards"], 1, np.nan),
            "actions": _put(c["actions"], (2, 0), 7),
        },
        "actions, row 2: must lie within",
        "rewards, row 1: must be finite",
    ),
    "schema from the future": d4rl_export(
        _header(schema_version="2"), "schema version 2; this release reads 1"
    ),
    "an export of an unknown kind": d4rl_export(
        _header(kind="video"), "it holds 'video'", "choose one of"
    ),
    "an export with a broken header": d4rl_export(
        lambda f: f.attrs.update(oer_pipeline="{"), "its header: not a readable JSON"
    ),
    "an export with half a header": d4rl_export(
        lambda f: f.attrs.update(oer_pipeline='{"kind": 1}'), "its header is"
    ),
    "an export with other metadata": d4rl_export(
        _header(metadata="{}"), "the metadata's SHA-256 is"
    ),
    "an export with another value": d4rl_export(
        lambda f: f["rewards"].write_direct(np.ones(8, "f4")), "SHA-256"
    ),
    "an export without its steps": d4rl_export(
        lambda f: f.__delitem__("infos/step"), "column infos/step is missing"
    ),
    "episode numbers that overflow": d4rl_export(
        _replace("infos/episode", data=np.arange(8) + 2**31),
        "infos/episode, row 0: must be within int32's range",
    ),
    "episode numbers that are no numbers": d4rl_export(
        _replace("infos/episode", data=np.zeros(8)), "whole numbers"
    ),
}


# --- Minari ---------------------------------------------------------------------------


def minari(
    change: Callable[[list[Columns]], list[Columns]],
    *says: str,
    **metadata: Any,
) -> Case:
    """A Minari data set with other episodes."""
    return lambda folder, table: write_minari_folder(
        folder / "bad", change(minari_episodes(table)), **metadata
    ), says


def minari_put(
    episode: int,
    column: str,
    place: Any,
    value: Any,
    *says: str,
    dtype: str | None = None,
) -> Case:
    """A Minari data set with another value."""

    def change(episodes: list[Columns]) -> list[Columns]:
        episodes[episode][column] = _put(episodes[episode][column], place, value, dtype)
        return episodes

    return minari(change, *says)


def minari_column(
    episode: int,
    column: str,
    change: Callable[[Any], Any],
    *says: str,
) -> Case:
    """A Minari data set with another column."""

    def changed(episodes: list[Columns]) -> list[Columns]:
        episodes[episode][column] = change(episodes[episode][column])
        return episodes

    return minari(changed, *says)


def minari_file(change: Callable[[Path], None], *says: str) -> Case:
    """A Minari data set whose `data` folder is changed once it is written."""

    def make(folder: Path, table: Trajectories) -> Path:
        path = write_minari_folder(folder / "bad", minari_episodes(table))
        change(path / "data")
        return path

    return make, says


def minari_main(change: Callable[[h5py.File], None], *says: str) -> Case:
    def changed(data: Path) -> None:
        with h5py.File(data / "main_data.hdf5", "a") as file:
            change(file)

    return minari_file(changed, *says)


def _main_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda data: (
        (data / "main_data.hdf5").write_bytes(
            change((data / "main_data.hdf5").read_bytes())
        )
        and None
    )


def _text(text: str) -> Callable[[Path], None]:
    return lambda data: (data / "metadata.json").write_text(text) and None


def _main_folder(data: Path) -> None:
    (data / "main_data.hdf5").unlink()
    (data / "main_data.hdf5").mkdir()


def _a_file(folder: Path, _: Trajectories) -> Path:
    (folder / "bad").write_text("no folder")
    return folder / "bad"


def _minari_export(folder: Path, table: Trajectories) -> Path:
    write_minari(folder / "bad", table, "own/bad-v0")
    with h5py.File(folder / "bad" / "data" / "main_data.hdf5", "a") as file:
        file["episode_0/rewards"][0] = 7.0
    return folder / "bad"


def _claimed_episode(file: h5py.File) -> None:
    del file["episode_2/rewards"]
    file.create_dataset(
        "episode_2/rewards", shape=(BILLION,), dtype="f4", chunks=(100_000,)
    )


MINARI: dict[str, Case] = {
    "no folder": (
        lambda folder, _: folder / "nowhere",
        ("no Minari data set", "or an installed id"),
    ),
    "an empty folder": (lambda folder, _: folder, ("no Minari data set",)),
    "a file for a folder": (_a_file, ("no Minari data set",)),
    "no main file": minari_file(
        lambda d: (d / "main_data.hdf5").unlink(), "main_data.hdf5: no such file"
    ),
    "a directory for the main file": minari_file(
        _main_folder, "found a folder; it takes a file"
    ),
    "truncated": minari_file(
        _main_bytes(lambda b: b[: len(b) // 2]), "not a readable Minari data set"
    ),
    "empty main file": minari_file(
        _main_bytes(lambda b: b""), "not a readable Minari data set"
    ),
    "metadata that are no JSON": minari_file(
        _text("{"), "metadata.json: not a readable Minari data set"
    ),
    "metadata that are a list": minari_file(
        _text("[]"), "metadata.json: not a readable Minari data set"
    ),
    "metadata without sizes": minari_file(
        _text('{"data_format": "hdf5"}'), "['total_episodes', 'total_steps'] are"
    ),
    "another storage": minari(
        lambda e: e, "data_format is 'arrow'; only hdf5 is read", data_format="arrow"
    ),
    "no episodes": minari(lambda e: [], "found 0 episodes"),
    "more episodes than there are": minari(
        lambda e: e, "found 3 episodes; metadata.json says 9", total_episodes=9
    ),
    "more steps than there are": minari(
        lambda e: e, "found 8 steps; metadata.json says 9", total_steps=9
    ),
    "fewer steps than there are": minari(
        lambda e: e, "found 8 steps; metadata.json says 7", total_steps=7
    ),
    "negative steps": minari(
        lambda e: e, "not a readable Minari data set", total_steps=-1
    ),
    "a thousand million claimed rows": minari(
        lambda e: e, "claims 1000000000 rows of", total_steps=BILLION
    ),
    "an episode that claims them": minari_main(
        _claimed_episode, "episode_2: column rewards: found 1000000000 rows"
    ),
    "a lost episode": minari_main(
        lambda f: f.move("episode_1", "episode_7"), "episode_1 is missing"
    ),
    "an episode that is a data set": minari_main(
        _replace("episode_1", data=np.zeros(3)), "episode_1 is missing or no"
    ),
    "an episode elsewhere": minari_main(
        _elsewhere("episode_1", h5py.SoftLink("/episode_0")),
        "episode_1 is missing or no group",
    ),
    "missing column": minari_main(
        lambda f: f.__delitem__("episode_1/actions"),
        "episode_1: column actions is missing",
    ),
    "observations of the wrong length": minari_column(
        2,
        "observations",
        lambda o: o[:-1],
        "episode_2: column observations: found 4 rows; 4 actions take 5",
    ),
    "rewards of the wrong length": minari_column(
        0, "rewards", lambda r: r[:2], "rewards: found 2 rows; 3 actions take"
    ),
    "an episode of no steps": minari(
        lambda e: [*e, {**_first(e[0], 0), "observations": e[0]["observations"][:1]}],
        "episode_3: found 0 steps",
    ),
    "episodes of two widths": minari_column(
        1,
        "observations",
        lambda o: o[:, :4],
        "episode_1: column observations: found rows of shape (4,); episode_0 (5,)",
    ),
    "observations by name": minari_main(
        _replace_by_group("episode_0/observations"),
        "episode_0: column observations: it is a group",
    ),
    "images": minari_column(
        0,
        "observations",
        lambda o: np.zeros((4, 8, 8, 3), "u1"),
        "observations: found uint8",
    ),
    "discrete actions": minari_column(
        0, "actions", lambda a: np.zeros(3, int), "column actions: found int64"
    ),
    "float16": minari_column(
        2,
        "rewards",
        lambda r: r.astype("f2"),
        "episode_2: column rewards: found float16",
    ),
    "flags that are neither 0 nor 1": minari_column(
        2,
        "terminations",
        lambda t: t + 2.5,
        "column terminations, row 0 of episode_2: must be 0 or 1; found 2.5",
    ),
    "NaN": minari_put(
        1,
        "observations",
        (0, 2),
        np.nan,
        "column observations, row 0 of episode_1: must be finite",
    ),
    "infinite": minari_put(
        2,
        "rewards",
        1,
        np.inf,
        "column rewards, row 1 of episode_2: must be finite; found inf",
    ),
    "beyond float32": minari_put(
        2,
        "rewards",
        1,
        1e99,
        "rewards, row 1 of episode_2: must be within float32's range",
        dtype="f8",
    ),
    "the state after the last step beyond float32": minari_put(
        2,
        "observations",
        (4, 0),
        1e99,
        "observations, row 4 of episode_2: must be within float32's range",
        dtype="f8",
    ),
    "actions out of bounds": minari_put(
        2,
        "actions",
        (1, 1),
        -3,
        "column actions, row 1 of episode_2:",
        "the worst -3 in row 1 of episode_2); set clip_actions: true",
    ),
    "a terminal at the horizon": minari_put(
        2, "terminations", 3, True, "terminations, row 3 of episode_2: must be false on"
    ),
    "a terminal before the end": minari_put(
        2, "terminations", 1, True, "terminations, row 1 of episode_2: must be false be"
    ),
    "a time-out before the end": minari_put(
        0, "truncations", 1, True, "truncations, row 1 of episode_0: must be false bef"
    ),
    "another suite's dimensions": minari(
        lambda e: [{**c, "actions": np.zeros((len(c["actions"]), 6), "f4")} for c in e],
        "actions: found 6 dimensions",
    ),
    "horizon mismatch": minari(
        lambda e: [*e[:2], {k: np.concatenate((v, v[-1:])) for k, v in e[2].items()}],
        "row 0 of episode_2: must start",
        "found 5 steps",
    ),
    "an export with another value": (_minari_export, ("the content's SHA-256 is",)),
}


# --- Parquet --------------------------------------------------------------------------


def parquet(change: Callable[[pa.Table], pa.Table], *says: str) -> Case:
    """A file of ours with other columns or another schema; its hash is made to fit
    where it can be."""

    def make(folder: Path, table: Trajectories) -> Path:
        write_trajectories(folder / "bad.parquet", table)
        pq.write_table(
            change(pq.read_table(folder / "bad.parquet")), folder / "bad.parquet"
        )
        return folder / "bad.parquet"

    return make, says


def parquet_put(column: str, place: Any, value: Any, *says: str) -> Case:
    """A sound file, hash and all, of an unsound table."""

    def make(folder: Path, table: Trajectories) -> Path:
        arrays = {**table.arrays(), column: _put(getattr(table, column), place, value)}
        arrow.write(folder / "bad.parquet", TRANSITIONS, arrays, table.metadata)
        return folder / "bad.parquet"

    return make, says


def parquet_table(change: Callable[[Trajectories], Trajectories], *says: str) -> Case:
    """A sound file of another table."""

    def make(folder: Path, table: Trajectories) -> Path:
        changed = change(table)
        arrow.write(
            folder / "bad.parquet", TRANSITIONS, changed.arrays(), changed.metadata
        )
        return folder / "bad.parquet"

    return make, says


def parquet_bytes(change: Callable[[bytes], bytes], *says: str) -> Case:
    def make(folder: Path, table: Trajectories) -> Path:
        path = folder / "bad.parquet"
        write_trajectories(path, table)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make, says


def _column(name: str, values: Any, type: Any = None) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.set_column(
        t.schema.get_field_index(name), name, pa.array(values, type)
    )


def _schema(**values: str) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.replace_schema_metadata(
        {**t.schema.metadata, **{k.encode(): v for k, v in values.items()}}
    )


def _metadata(text: str) -> Callable[[pa.Table], pa.Table]:
    return _schema(metadata=text, metadata_sha256=sha256(text.encode()).hexdigest())


def _billion(folder: Path, table: Trajectories) -> Path:
    """Columns of one repeated value, which a dictionary stores in next to nothing."""
    chunk, path = 10**6, folder / "bad.parquet"
    arrays = {
        n: np.zeros((1, *a.shape[1:]), a.dtype) for n, a in table.arrays().items()
    }
    write_trajectories(path, table)
    header = pq.read_schema(path).metadata
    columns = [
        pa.repeat(pa.scalar(a[0].tolist(), f.type), chunk)
        for a, f in zip(arrays.values(), pq.read_schema(path), strict=True)
    ]
    rows = pa.Table.from_arrays(
        columns, schema=pq.read_schema(path).with_metadata(header)
    )
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
        for _ in range(3):
            writer.write_table(rows)
    return path


def _five_steps(_: Trajectories) -> Trajectories:
    """Sound, but longer than the suite's horizon."""
    vectors, flags = np.zeros((5, 5), "f4"), np.zeros(5, bool)
    numbers = {"episode": np.zeros(5, "i4"), "step": np.arange(5, dtype="i4")}
    return Trajectories(
        vectors,
        vectors[:, :2],
        vectors,
        vectors[:, 0],
        flags,
        flags,
        **numbers,
        metadata={},
    )


def _fixed(values: list[Any], width: int, type: Any = None) -> pa.Array:
    return pa.array(values, pa.list_(type or pa.float32(), width))


PARQUET: dict[str, Case] = {
    "empty file": parquet_bytes(lambda b: b"", "not a readable Parquet file"),
    "truncated file": parquet_bytes(
        lambda b: b[: len(b) // 2], "not a readable Parquet file"
    ),
    "without its last byte": parquet_bytes(
        lambda b: b[:-1], "not a readable Parquet file"
    ),
    "a pickle in disguise": parquet_bytes(
        lambda b: pickle.dumps([1.0]), "not a readable Parquet file"
    ),
    "an HDF5 file in disguise": parquet_bytes(
        lambda b: b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "not a readable Parquet"
    ),
    "a directory": (lambda folder, _: folder, ("found a folder; it takes a file",)),
    "no file": (lambda folder, _: folder / "nowhere.parquet", ("no such file",)),
    "somebody else's Parquet": parquet(
        lambda t: t.replace_schema_metadata(None), "not a transitions file"
    ),
    "missing column": parquet(
        lambda t: t.drop_columns(["reward"]), "column reward is missing"
    ),
    "a column twice": parquet(
        lambda t: t.append_column("reward", t["reward"]), "column reward"
    ),
    "float16": parquet(
        _column("reward", np.zeros(8, "f2")),
        "column reward: found halffloat; it takes float32",
    ),
    "float64": parquet(
        _column("reward", np.zeros(8)), "column reward: found double; it takes float32"
    ),
    "vectors of float64": parquet(
        _column("action", _fixed([[0.0] * 2] * 8, 2, pa.float64())),
        "action: found fixed_size",
    ),
    "strings for numbers": parquet(
        _column("reward", ["1.0"] * 8), "column reward: found string; it takes float32"
    ),
    "object columns": parquet(
        _column("action", [{"x": 1.0}] * 8), "column action: found struct"
    ),
    "lists of any length": parquet(
        _column("action", [[0.0, 1.0]] * 8, pa.list_(pa.float32())),
        "action: found list<",
    ),
    "3-D arrays": parquet(
        _column("action", [[[0.0]] * 2] * 8, pa.list_(pa.list_(pa.float32(), 1), 2)),
        "column action: found fixed_size",
    ),
    "flags as numbers": parquet(
        _column("terminal", np.zeros(8, "i4")),
        "column terminal: found int32; it takes bool",
    ),
    "episode numbers of 64 bits": parquet(
        _column("episode", np.arange(8) + 2**31), "column episode: found int64"
    ),
    "nulls": parquet(
        _column("reward", [0.0, None] * 4, pa.float32()),
        "reward, row 1: found null",
        "(4 nulls)",
    ),
    "nulls in vectors": parquet(
        _column("action", _fixed([[0.0, 1.0], [0.0, None]] * 4, 2)),
        "action, row 1: found null",
    ),
    "zero transitions": parquet(lambda t: t.slice(0, 0), "found 0 rows"),
    "a row less": parquet(lambda t: t.slice(0, 7), "the content's SHA-256 is"),
    "schema from the future": parquet(
        _schema(schema_version="2"), "schema version 2; this release reads 1"
    ),
    "metadata that are no JSON": parquet(
        _metadata("{"), "its metadata: not a readable JSON"
    ),
    "metadata that are a list": parquet(
        _metadata("[]"), "metadata is []; it takes a JSON object"
    ),
    "metadata too deep": parquet(
        _metadata("[" * 100_000), "its metadata: not a readable JSON"
    ),
    "other metadata": parquet(_schema(metadata="{}"), "the metadata's SHA-256 is"),
    "millions of claimed rows": (_billion, ("claims 3000000 rows of",)),
    "NaN": parquet_put(
        "observation", (3, 1), np.nan, "column observation, row 3: must be finite"
    ),
    "infinite": parquet_put(
        "reward", 5, np.inf, "column reward, row 5: must be finite; found inf"
    ),
    "actions out of bounds": parquet_put(
        "action", (1, 1), -1.01, "column action, row 1:", "clip_actions: true"
    ),
    "episode gaps": parquet_put(
        "episode", slice(5, 8), 0, "column episode, row 5: must be contiguous"
    ),
    "negative episodes": parquet_put(
        "episode", slice(0, 3), -1, "column episode, row 0: must not be negative"
    ),
    "negative steps": parquet_put(
        "step", 4, -1, "column step, row 4: must count 0, 1, 2", "found -1"
    ),
    "a lost step": parquet_put(
        "step", slice(5, 8), [2, 3, 4], "column step, row 5: must count 0, 1, 2"
    ),
    "a terminal before the end": parquet_put(
        "terminal", 5, True, "column terminal, row 5: must be false before an"
    ),
    "next observation that does not continue": parquet_put(
        "observation", (6, 0), 9, "next_observation, row 5: must equal"
    ),
    "next observations of another width": parquet_table(
        lambda t: replace(t, next_observation=t.next_observation[:, :4]),
        "column next_observation: found 4 dimensions",
    ),
    "another suite's observations": parquet_table(
        lambda t: replace(
            t,
            observation=np.zeros((8, 20), "f4"),
            next_observation=np.zeros((8, 20), "f4"),
        ),
        "column observation: found 20 dimensions; the task's environment has 5",
    ),
    "actions of another width": parquet_table(
        lambda t: replace(t, action=np.zeros((8, 6), "f4")),
        "column action: found 6 dimensions",
    ),
    "horizon mismatch": parquet_table(
        _five_steps, "column terminal, row 0: must start an episode", "found 5 steps"
    ),
    "bounds that are none": parquet_table(
        lambda t: replace(t, metadata={"action_low": "low", "action_high": 3}),
        "they take 2 numbers each",
    ),
    "other bounds": parquet_table(
        lambda t: replace(t, metadata={"action_low": [-2, -2], "action_high": [2, 2]}),
        "the task's environment has",
    ),
}

FORMATS = {"d4rl": D4RL, "minari": MINARI, "parquet": PARQUET}
CASES = [
    (format, kind, case)
    for format, cases in FORMATS.items()
    for kind, case in cases.items()
]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("format", "kind", "case"), CASES, ids=[f"{f}: {kind}" for f, kind, _ in CASES]
)
def test_one_clear_error(
    format: str,
    kind: str,
    case: Case,
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, says = case
    path = make(tmp_path, table)
    if kind == "rows that memory cannot hold":
        monkeypatch.setattr(file_checks.os, "sysconf", lambda _: 8)
    before = _files(tmp_path)
    with pytest.raises(DataError) as error:
        imported(path, format)
    message = str(error.value)
    assert message.count(str(path)) >= 1
    assert not [part for part in says if part not in message], message
    assert "\n" not in message
    assert len(message) < 1_000
    assert _files(tmp_path) == before


def test_there_are_many_kinds() -> None:
    assert len({kind for _, kind, _ in CASES}) >= 80


@pytest.mark.parametrize("format", ["d4rl", "minari", "parquet"])
def test_no_permission(
    format: str,
    table: Trajectories,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if format == "minari":
        path = write_minari_folder(tmp_path / "m", minari_episodes(table))
        file = path / "data" / "main_data.hdf5"
    else:
        path = file = tmp_path / f"a.{format}"
        write_d4rl(path, table) if format == "d4rl" else write_trajectories(path, table)
    file.chmod(0)
    if os.access(file, os.R_OK):  # root may read everything

        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError(13, "Permission denied", str(file))

        monkeypatch.setattr(h5py, "File", refuse)
        monkeypatch.setattr(pq, "ParquetFile", refuse)
    with pytest.raises(DataError, match=r"(?i)permission denied") as error:
        imported(path, format)
    assert str(path) in str(error.value)


def test_a_buffer_is_no_source(buffer: ReplayBuffer, tmp_path: Path) -> None:
    write_buffer(tmp_path / "b.parquet", buffer)
    with pytest.raises(DataError, match="not a transitions file: kind 'buffer'"):
        imported(tmp_path / "b.parquet", "parquet")


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown format 'hdf'"):
        import_source(Source(str(tmp_path / "a"), "hdf"), TASK)


def test_no_memory_for_a_claim(table: Trajectories, tmp_path: Path) -> None:
    """What is refused is refused before arrays are made."""
    import tracemalloc

    for format in ("d4rl", "minari"):
        (tmp_path / format).mkdir()
        path = FORMATS[format]["a thousand million claimed rows"][0](
            tmp_path / format, table
        )
        tracemalloc.start()
        with pytest.raises(DataError, match="claims 1000000000 rows"):
            imported(path, format)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10**7
