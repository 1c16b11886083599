"""Minari's layout: a folder with `data/metadata.json` and, in `data/main_data.hdf5`,
one group an episode.

`observations` have one row more than an episode has steps, and are a group where the
space is a dictionary; `actions, rewards, terminations, truncations` have one a step.
Minari itself is not needed, and nothing is downloaded. A data set that this project
exported has its header in `metadata.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.trajectories.exchange.conversion import (
    LARGEST,
    ColumnConverter,
    new_converter,
)
from oer_pipeline.trajectories.exchange.foreign_data import (
    INFOS,
    MINARI_NAMES,
    ForeignData,
)
from oer_pipeline.trajectories.exchange.hdf5 import (
    HEADER,
    VERSIONS,
    HDF5Store,
    Joined,
    is_group,
    open_column,
    parts_of_group,
    shape_of,
)
from oer_pipeline.trajectories.exchange.round_trip import (
    TableOrBuffer,
    export_header,
    info_columns,
    parse_header,
)
from oer_pipeline.trajectories.exchange.row_names import episode_rows
from oer_pipeline.trajectories.exchange.store import list_names
from oer_pipeline.trajectories.file_checks import check_claim, check_file, reading
from oer_pipeline.trajectories.metadata import action_bounds
from oer_pipeline.trajectories.schema import TRANSITION, Array, ColumnType
from oer_pipeline.trajectories.table import Trajectories

VERSION = "0.5.4"
"""The Minari release whose layout is written."""
NEEDED = {"total_episodes": int, "total_steps": int, "data_format": str}
DESCRIPTION = (
    "dataset_id",
    "algorithm_name",
    "author",
    "code_permalink",
    "description",
    "licence",
    "license",
)
"""What metadata.json says of a data set, as far as it is kept."""
STORED = {name: TRANSITION[name] for name in TRANSITION if name != "next_observation"}
"""The columns that have a data set of their own."""


def read_minari(
    path: Path, where: str = "", keys: Sequence[str] | None = None
) -> ForeignData:
    """Read the data set whose `data/main_data.hdf5` is `path`, or stands beside it.

    Args:
        path: the file.
        where: what errors call it; `path` when empty.
        keys: of a dictionary of observations: what to join, in this order.

    Raises:
        DataError: no such file, not Minari's layout, another storage format, columns
            that are missing, of another dtype or shape, in another file, or with flags
            that are neither 0 nor 1; more rows than the file can hold, or none.
    """
    import h5py

    where = where or str(path)
    metadata = _metadata(path.with_name("metadata.json"), where)
    with reading(where, "Minari data set"):
        header = parse_header(metadata.get(HEADER), where)
        infos = info_columns(header)
        columns = {**STORED, **infos}
        main = path.with_name("main_data.hdf5")
        check_file(main)
        with h5py.File(main, "r") as file:
            size = main.stat().st_size
            read, lengths = _read(file, columns, metadata, size, where, keys)
    narrowed = {}
    for name in columns:
        record = read[name].record
        if record is not None:
            narrowed[_place(name)] = record
    description = {name: metadata[name] for name in DESCRIPTION if name in metadata}
    rows = episode_rows([f"episode_{n}" for n in range(len(lengths))], lengths, True)
    return ForeignData(
        where,
        MINARI_NAMES,
        observations=read["observation"].array,
        actions=read["action"].array,
        rewards=read["reward"].array,
        terminals=read["terminal"].array,
        timeouts=read["timeout"].array,
        next_observations=read["next_observation"].array,
        episodes=rows.part,
        narrowed=narrowed,
        description=description or None,
        action_space=_stated_bounds(metadata.get("action_space")),
        header=header,
        infos={name: read[name].array for name in infos},
        rows=rows,
    )


def write_minari(
    folder: Path,
    data: TableOrBuffer,
    dataset_id: str,
) -> None:
    """Write a transition table or a replay buffer to `folder`, which Minari then knows
    as `dataset_id`.

    Every row of a buffer is an episode of one step.

    Raises:
        DataError: data that break a rule of their kind, or without rewards, which
            Minari's layout has.
    """
    import h5py

    if data.reward is None:
        raise DataError(
            f"{folder}: these data have no rewards, and every Minari data set has:"
            " export to .hdf5"
        )
    header = export_header(data, str(folder))
    (folder / "data").mkdir(parents=True)
    main = folder / "data" / "main_data.hdf5"
    lengths = _lengths(data)
    with h5py.File(main, "w", libver=VERSIONS) as file:
        start = 0
        for number, length in enumerate(lengths):
            group = file.create_group(f"episode_{number}")
            group.attrs.update({"id": number, "total_steps": length})
            for name, array in _episode(data, start, start + length).items():
                group.create_dataset(name, data=array)
            start += length
    low, high = action_bounds(data.metadata, data.action.shape[1], str(folder))
    everywhere = np.full(data.observation.shape[1], np.inf, np.float32)
    metadata = {
        "dataset_id": dataset_id,
        "total_episodes": len(lengths),
        "total_steps": len(data),
        "data_format": "hdf5",
        "observation_space": _box(-everywhere, everywhere),
        "action_space": _box(low, high),
        "dataset_size": round(main.stat().st_size / 1e6, 1),
        "minari_version": VERSION,
        HEADER: json.dumps(header, sort_keys=True),
    }
    text = json.dumps(metadata, indent=2, sort_keys=True) + "\n"
    (folder / "data" / "metadata.json").write_text(text, encoding="utf-8")


def _lengths(data: TableOrBuffer) -> list[int]:
    """Steps of every episode."""
    if isinstance(data, Trajectories):
        return [int(length) for length in data.lengths]
    return [1] * len(data)


def _episode(
    data: TableOrBuffer,
    start: int,
    end: int,
) -> dict[str, Array]:
    """The data sets of an episode that is made of the rows from `start` to `end`."""
    arrays = {}
    for name, array in data.arrays().items():
        arrays[_place(name)] = array[start:end]
    last = data.next_observation[end - 1 : end]
    arrays["observations"] = np.concatenate((data.observation[start:end], last))
    return arrays


def _box(low: FloatArray, high: FloatArray) -> str:
    """A flat float32 box as Minari writes spaces."""
    box = {
        "type": "Box",
        "dtype": "float32",
        "shape": list(low.shape),
        "low": low.tolist(),
        "high": high.tolist(),
    }
    return json.dumps(box)


def _place(name: str) -> str:
    return MINARI_NAMES.get(name, f"{INFOS}/{name}")


def _instead(metadata: Path) -> str:
    """What is where a data set should be."""
    place = metadata.parents[1]
    if place.is_file():
        return "found a file"
    if not place.is_dir():
        return "nothing is there"
    names = sorted(entry.name for entry in place.iterdir())
    return f"the folder holds {list_names(names)}"


def _stated_bounds(space: Any) -> tuple[list[float], list[float]] | None:
    """Lowest and highest action as a Minari data set states its space; None where it is
    no flat box."""
    if not isinstance(space, str):
        return None
    try:
        box = json.loads(space)
    except ValueError:
        return None
    if not isinstance(box, dict) or box.get("type") != "Box":
        return None
    low = box.get("low")
    high = box.get("high")
    if not _are_numbers(low) or not _are_numbers(high):
        return None
    return low, high


def _are_numbers(values: Any) -> TypeGuard[list[float]]:
    if not isinstance(values, list):
        return False
    for value in values:
        is_whole = isinstance(value, int) and abs(value) < float(LARGEST)
        if not is_whole and not isinstance(value, float):
            return False
    return True


def _metadata(path: Path, where: str) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(
            f"{where}: no Minari data set: it takes a folder with data/metadata.json,"
            f" or an installed id; {_instead(path)}"
        )
    odd = []
    with reading(f"{where}: {path.name}", "Minari data set"):
        metadata = json.loads(path.read_text(encoding="utf-8"))
        for name, kind in NEEDED.items():
            if not isinstance(metadata.get(name), kind):
                odd.append(name)
    if odd:
        raise DataError(
            f"{where}: {path.name}: {odd} are missing or wrong; a Minari data set has"
            f" {list(NEEDED)}"
        )
    if metadata["data_format"] != "hdf5":
        raise DataError(
            f"{where}: {path.name}: data_format is {metadata['data_format']!r}; only"
            " hdf5 is read: make it anew by Minari with data_format='hdf5'"
            " (docs/data.md)"
        )
    return dict(metadata)


def _read(
    file: Any,
    columns: Mapping[str, ColumnType],
    metadata: Mapping[str, Any],
    file_size: int,
    where: str,
    keys: Sequence[str] | None,
) -> tuple[dict[str, ColumnConverter], list[int]]:
    """Every column, one episode after another, and the episodes' steps; metadata.json
    says how many rows there are."""
    rows = metadata["total_steps"]
    episodes = metadata["total_episodes"]
    converters: dict[str, ColumnConverter] = {}
    lengths: list[int] = []
    if len(file) != episodes or not episodes:
        raise DataError(
            f"{where}: found {len(file)} episodes; metadata.json says {episodes}, and"
            " it takes at least one"
        )
    start = 0
    for number in range(episodes):
        place = f"{where}: episode_{number}"
        if not is_group(file, f"episode_{number}"):
            raise DataError(
                f"{place} is missing or no group; {episodes} episodes count from 0"
            )
        items = _open(file[f"episode_{number}"], columns, place, keys)
        if not converters:
            converters = _allocate(items, columns, rows, file_size, where)
        steps = len(items["action"])
        if start + steps <= rows:
            _put(items, converters, start, steps, where, number)
        lengths.append(steps)
        start += steps
    if start != rows:
        raise DataError(f"{where}: found {start} steps; metadata.json says {rows}")
    return converters, lengths


def _open(
    group: Any,
    columns: Mapping[str, ColumnType],
    where: str,
    keys: Sequence[str] | None,
) -> dict[str, Any]:
    """An episode's data sets by the table's names: each what it has to be, as long as
    there are actions."""
    items: dict[str, Any] = {}
    flaws: list[str] = []
    for name, column in columns.items():
        places = [_place(name)]
        if name == "observation":
            places = parts_of_group(group, places[0], keys, where)
        opened = []
        for place in places:
            item, flaw = open_column(group, place, column)
            opened.append(item)
            if flaw is not None:
                flaws.append(flaw)
        items[name] = opened[0] if len(opened) == 1 else Joined(tuple(opened))
    if flaws:
        raise DataError(
            f"{where}: {'; '.join(flaws)}; the episode holds"
            f" {HDF5Store(group).holdings()}"
        )
    steps = len(items["action"])
    for name, item in items.items():
        wanted = steps + 1 if name == "observation" else steps
        for part in item.items if isinstance(item, Joined) else (item,):
            if len(part) != wanted:
                flaws.append(
                    f"column {_place(name)}: found {len(part)} rows; {steps} actions"
                    f" take {wanted}"
                )
    if not flaws and not steps:
        flaws.append("found 0 steps; an episode needs at least one")
    if flaws:
        raise DataError(f"{where}: {'; '.join(flaws)}")
    return items


def _allocate(
    items: Mapping[str, Any],
    columns: Mapping[str, ColumnType],
    rows: int,
    file_size: int,
    where: str,
) -> dict[str, ColumnConverter]:
    """Empty columns of `rows` rows as wide as those of the first episode."""
    row_bytes = sum(item.nbytes // max(1, len(item)) for item in items.values())
    check_claim(where, rows, rows * row_bytes, file_size)
    every = {**columns, "next_observation": TRANSITION["next_observation"]}
    converters = {}
    for name, column in every.items():
        item = items["observation" if name == "next_observation" else name]
        shape = (rows, *shape_of(item, column)[1:])
        place = f"{where}: column {_place(name)}"
        converters[name] = new_converter(column, shape, place)
    return converters


def _put(
    items: Mapping[str, Any],
    converters: Mapping[str, ColumnConverter],
    start: int,
    steps: int,
    where: str,
    number: int,
) -> None:
    """The values of episode `number` into the rows from `start` on."""
    episode = f"episode_{number}"
    for name, item in items.items():
        wanted = converters[name].array.shape[1:]
        if item.shape[1:] != wanted and wanted:
            raise DataError(
                f"{where}: {episode}: column {_place(name)}: found rows of shape"
                f" {item.shape[1:]}; episode_0 {wanted}"
            )
        block = item[...]
        converters[name].put(start, block[:steps], episode, 0)
        if name == "observation":
            converters["next_observation"].put(start, block[1:], episode, 1)
