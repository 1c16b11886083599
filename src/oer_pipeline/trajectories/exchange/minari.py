"""Minari's layout: a folder with `data/metadata.json` and, in `data/main_data.hdf5`,
one group an episode.

`observations` have one row more than an episode has steps; `actions, rewards,
terminations, truncations` have one a step. Minari itself is not needed, and nothing is
downloaded. A data set of ours keeps its header in `metadata.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.trajectories.exchange.filling import Filling, filling
from oer_pipeline.trajectories.exchange.found import INFOS, MINARI_NAMES, Found
from oer_pipeline.trajectories.exchange.hdf5 import (
    HEADER,
    VERSIONS,
    HDF5Store,
    is_group,
    open_column,
    shape_of,
)
from oer_pipeline.trajectories.exchange.ours import (
    Ours,
    header_of,
    info_columns,
    parse_header,
)
from oer_pipeline.trajectories.exchange.store import told
from oer_pipeline.trajectories.guard import check_claim, check_file, reading
from oer_pipeline.trajectories.schema import TRANSITION, Array, Column
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import action_bounds

VERSION = "0.5.4"
"""The Minari release whose layout is written."""
NEEDED = {"total_episodes": int, "total_steps": int, "data_format": str}
SAID = (
    "dataset_id",
    "algorithm_name",
    "author",
    "code_permalink",
    "description",
    "licence",
    "license",
)
STEPS = {
    name: column for name, column in TRANSITION.items() if name != "next_observation"
}


def read_minari(path: Path, where: str = "") -> Found:
    """Read the data set whose `data/main_data.hdf5` is `path`, or stands beside it;
    errors call it `where`.

    Raises:
        DataError: no such file, not Minari's layout, another storage format, columns
            that are missing, of another dtype or shape, in another file, or with flags
            that are neither 0 nor 1; more rows than the file can hold, or none.
    """
    import h5py

    where = where or str(path)
    says = _metadata(path.with_name("metadata.json"), where)
    with reading(where, "Minari data set"):
        header = parse_header(says.get(HEADER), where)
        columns = {**STEPS, **info_columns(header)}
        main = path.with_name("main_data.hdf5")
        check_file(main)
        with h5py.File(main, "r") as file:
            filled, lengths = _read(file, columns, says, main.stat().st_size, where)
    return Found(
        where,
        MINARI_NAMES,
        filled["observation"].array,
        filled["action"].array,
        filled["reward"].array,
        filled["terminal"].array,
        filled["timeout"].array,
        filled["next_observation"].array,
        episodes=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
        narrowed={
            _place(name): record for name in columns if (record := filled[name].record)
        },
        says={name: says[name] for name in SAID if name in says} or None,
        action_space=_bounds_said(says.get("action_space")),
        header=header,
        infos={name: filled[name].array for name in info_columns(header)},
    )


def write_minari(folder: Path, data: Ours, dataset_id: str) -> None:
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
    header, place = header_of(data, str(folder)), folder / "data"
    place.mkdir(parents=True)
    ends = _ends(data)
    with h5py.File(place / "main_data.hdf5", "w", libver=VERSIONS) as file:
        for number, (start, end) in enumerate(zip((0, *ends), ends, strict=False)):
            group = file.create_group(f"episode_{number}")
            group.attrs.update({"id": number, "total_steps": end - start})
            for name, array in _episode(data, start, end).items():
                group.create_dataset(name, data=array)
    low, high = action_bounds(data.metadata, data.action.shape[1], str(folder))
    everywhere = np.full(data.observation.shape[1], np.inf, np.float32)
    metadata = {
        "dataset_id": dataset_id,
        "total_episodes": len(ends),
        "total_steps": len(data),
        "data_format": "hdf5",
        "observation_space": _box(-everywhere, everywhere),
        "action_space": _box(low, high),
        "dataset_size": round((place / "main_data.hdf5").stat().st_size / 1e6, 1),
        "minari_version": VERSION,
        HEADER: json.dumps(header, sort_keys=True),
    }
    (place / "metadata.json").write_text(
        json.dumps(metadata, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )


def _ends(data: Ours) -> list[int]:
    """The row after each episode's last."""
    lengths = (
        data.lengths if isinstance(data, Trajectories) else np.ones(len(data), int)
    )
    return [int(end) for end in np.cumsum(lengths)]


def _episode(data: Ours, start: int, end: int) -> dict[str, Array]:
    arrays = {_place(name): array[start:end] for name, array in data.arrays().items()}
    arrays["observations"] = np.concatenate(
        (data.observation[start:end], data.next_observation[end - 1 : end])
    )
    return arrays


def _box(low: FloatArray, high: FloatArray) -> str:
    """A flat float32 box as Minari writes spaces."""
    bounds = {"low": low.tolist(), "high": high.tolist()}
    return json.dumps(
        {"type": "Box", "dtype": "float32", "shape": list(low.shape), **bounds}
    )


def _place(name: str) -> str:
    return MINARI_NAMES.get(name, f"{INFOS}/{name}")


def _beside(metadata: Path) -> str:
    """What is there where a data set should be."""
    place = metadata.parents[1]
    if place.is_file():
        return "found a file"
    if not place.is_dir():
        return "nothing is there"
    return f"the folder holds {told(sorted(found.name for found in place.iterdir()))}"


def _bounds_said(space: Any) -> tuple[list[float], list[float]] | None:
    """Lowest and highest action as a Minari data set says its space; None where it says
    no flat box."""
    try:
        box = json.loads(space) if isinstance(space, str) else None
    except ValueError:
        return None
    if not isinstance(box, dict) or box.get("type") != "Box":
        return None
    bounds = [box.get("low"), box.get("high")]
    sound = all(
        isinstance(b, list) and all(isinstance(v, int | float) for v in b)
        for b in bounds
    )
    return (bounds[0], bounds[1]) if sound else None  # type: ignore[return-value]


def _metadata(path: Path, where: str) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(
            f"{where}: no Minari data set: it takes a folder with data/metadata.json,"
            f" or an installed id; {_beside(path)}"
        )
    with reading(f"{where}: {path.name}", "Minari data set"):
        found = json.loads(path.read_text(encoding="utf-8"))
        odd = [
            name
            for name, kind in NEEDED.items()
            if not isinstance(found.get(name), kind)
        ]
    if odd:
        raise DataError(
            f"{where}: {path.name}: {odd} are missing or wrong; a Minari data set has"
            f" {list(NEEDED)}"
        )
    if found["data_format"] != "hdf5":
        raise DataError(
            f"{where}: {path.name}: data_format is {found['data_format']!r}; only hdf5"
            " is read: make it anew by Minari with data_format='hdf5' (docs/data.md)"
        )
    return dict(found)


def _read(
    file: Any,
    columns: Mapping[str, Column],
    says: Mapping[str, Any],
    file_size: int,
    where: str,
) -> tuple[dict[str, Filling], list[int]]:
    """Every column, one episode after another, and the episodes' steps; metadata.json
    says how many rows there are."""
    rows, episodes = says["total_steps"], says["total_episodes"]
    filled: dict[str, Filling] = {}
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
        items = _open(file[f"episode_{number}"], columns, place)
        filled = filled or _allocate(items, columns, rows, file_size, where)
        steps = len(items["action"])
        if start + steps <= rows:
            _put(items, filled, start, steps, place)
        lengths.append(steps)
        start += steps
    if start != rows:
        raise DataError(f"{where}: found {start} steps; metadata.json says {rows}")
    return filled, lengths


def _open(group: Any, columns: Mapping[str, Column], where: str) -> dict[str, Any]:
    """An episode's data sets by our names: each what it has to be, as long as there are
    actions."""
    opened = {
        name: open_column(group, _place(name), column)
        for name, column in columns.items()
    }
    flaws = [flaw for _, flaw in opened.values() if flaw]
    if flaws:
        raise DataError(
            f"{where}: {'; '.join(flaws)}; the episode holds"
            f" {HDF5Store(group).holdings()}"
        )
    items = {name: item for name, (item, _) in opened.items()}
    steps = len(items["action"])
    wanted = {name: steps + (name == "observation") for name in items}
    flaws = [
        f"column {_place(name)}: found {len(item)} rows; {steps} actions take"
        f" {wanted[name]}"
        for name, item in items.items()
        if len(item) != wanted[name]
    ]
    if flaws or not steps:
        raise DataError(
            f"{where}:"
            f" {'; '.join(flaws) or 'found 0 steps; an episode needs at least one'}"
        )
    return items


def _allocate(
    items: Mapping[str, Any],
    columns: Mapping[str, Column],
    rows: int,
    file_size: int,
    where: str,
) -> dict[str, Filling]:
    """Empty columns of `rows` rows as wide as those of the first episode."""
    row_bytes = sum(item.nbytes // max(1, len(item)) for item in items.values())
    check_claim(where, rows, rows * row_bytes, file_size)
    shapes = {
        name: shape_of(items[name], column)[1:] for name, column in columns.items()
    }
    every = {**columns, "next_observation": TRANSITION["next_observation"]}
    shapes["next_observation"] = shapes["observation"]
    return {
        n: filling(f"{where}: column {_place(n)}", c, (rows, *shapes[n]))
        for n, c in every.items()
    }


def _put(
    items: Mapping[str, Any],
    filled: Mapping[str, Filling],
    start: int,
    steps: int,
    where: str,
) -> None:
    for name, item in items.items():
        wanted = filled[name].array.shape[1:]
        if item.shape[1:] != wanted and wanted:
            raise DataError(
                f"{where}: column {_place(name)}: found rows of shape {item.shape[1:]};"
                f" episode_0 {wanted}"
            )
        block = item[...]
        filled[name].put(start, block[:steps])
        if name == "observation":
            filled["next_observation"].put(start, block[1:])
