"""Files that keep every episode apart: what groups of an HDF5 file and npz archives of
a folder share.

Observations may come in several columns to be joined, and with one row more than there
are steps: the last is then the state after the last step. Shapes: N rows, T steps of an
episode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.conversion import (
    ColumnConverter,
    converter_into,
)
from oer_pipeline.trajectories.exchange.flat import null_hint
from oer_pipeline.trajectories.exchange.foreign_data import D4RL_NAMES, ForeignData
from oer_pipeline.trajectories.exchange.row_names import episode_rows
from oer_pipeline.trajectories.exchange.store import Store, StoredColumn
from oer_pipeline.trajectories.file_checks import check_claim
from oer_pipeline.trajectories.schema import TRANSITION

Places = Mapping[str, Sequence[str]]
"""Column of the table -> the file's columns that it is made of, in their order; most
are made of one."""


class Part(NamedTuple):
    """A column of the table, and one of the file's columns that it is made of."""

    column: str
    name: str


class Episode(NamedTuple):
    """One episode: its group or archive, what errors call it, and how it is opened."""

    name: str
    where: str
    open: Callable[[], AbstractContextManager[Store]]


@dataclass
class Sizes:
    """What the first look at all episodes shows."""

    row_shapes: dict[str, tuple[int, ...]]
    """Column of the file -> the shape of a row."""
    trailing: bool
    """Observations have one row more than there are steps."""
    steps: list[int] = field(default_factory=list)
    nbytes: int = 0


def names_lacking(
    names: Mapping[str, str | None],
    places: Mapping[str, str],
) -> list[str]:
    """The file's names that the first episode lacks, and so may no other have."""
    lacking = []
    for column, name in names.items():
        if name is not None and column not in places:
            lacking.append(name)
    return lacking


def read_episodes(
    episodes: Sequence[Episode],
    places: Places,
    optional: Sequence[str],
    file_size: int,
    where: str,
) -> ForeignData:
    """All episodes, one after another: a first look at every one's sizes, then their
    values.

    Args:
        episodes: one or more.
        places: what to read of each.
        optional: what no episode may have (`names_lacking`).
        file_size: bytes of all files together, to hold claims against.
        where: what errors call the whole.

    Raises:
        DataError: a column that is missing or is not what it has to be in some episode,
            other numbers of rows than there are actions, an episode without a step;
            more rows than the files can hold.
    """
    sizes = _look(episodes, places, optional)
    rows = sum(sizes.steps)
    check_claim(where, rows, sizes.nbytes, file_size)
    arrays, converters = _allocate(places, sizes, rows, where)
    start = 0
    for episode, steps in zip(episodes, sizes.steps, strict=True):
        with episode.open() as store:
            items = _opened(store, places, episode.where)
            _put(items, converters, start, steps, episode.name)
        start += steps
    columns: dict[str, Any] = {}
    for column in TRANSITION:
        columns[D4RL_NAMES[column]] = arrays.get(column)
    names = dict(D4RL_NAMES)
    for column, parts in places.items():
        names[column] = "+".join(parts)
    if sizes.trailing:
        names["next_observation"] = names["observation"]
    own_names = [episode.name for episode in episodes]
    row_names = episode_rows(own_names, sizes.steps, sizes.trailing)
    return ForeignData(
        where,
        names,
        **columns,
        episodes=row_names.part,
        narrowed=_narrowing(converters),
        rows=row_names,
    )


def _narrowing(
    converters: Mapping[Part, ColumnConverter],
) -> dict[str, dict[str, Any]]:
    """The file's name of a column -> what making it float32 changed, where it did."""
    narrowed = {}
    for part, converter in converters.items():
        if converter.record is not None:
            narrowed[part.name] = converter.record
    return narrowed


def _look(
    episodes: Sequence[Episode],
    places: Places,
    optional: Sequence[str],
) -> Sizes:
    """The sizes of all episodes, which have to agree."""
    sizes: Sizes | None = None
    for episode in episodes:
        with episode.open() as store:
            items = _opened(store, places, episode.where)
            surplus = [name for name in optional if store.has(name)]
        if surplus:
            raise DataError(
                f"{episode.where}: it has {surplus[0]}, and {episodes[0].where} has"
                " none"
            )
        if sizes is None:
            sizes = _sizes_of_first(items, places)
        _check(items, places, sizes, episode.where, episodes[0].where)
        sizes.steps.append(_steps(items, places))
        sizes.nbytes += sum(item.nbytes for item in items.values())
    if sizes is None:
        raise DataError("no episode to read; give at least one")
    return sizes


def _sizes_of_first(items: Mapping[Part, StoredColumn], places: Places) -> Sizes:
    """The sizes that the first episode sets, its own steps not yet counted."""
    row_shapes = {part.name: item.shape[1:] for part, item in items.items()}
    observations = Part("observation", places["observation"][0])
    longer_by_one = items[observations].shape[0] == _steps(items, places) + 1
    return Sizes(row_shapes, longer_by_one and "next_observation" not in places)


def _opened(
    store: Store,
    places: Places,
    where: str,
) -> dict[Part, StoredColumn]:
    """Every part of every column, each what it has to be."""
    items: dict[Part, StoredColumn] = {}
    flaws: list[str] = []
    missing: list[str] = []
    for column, names in places.items():
        for name in names:
            items[Part(column, name)], flaw = store.column(name, TRANSITION[column])
            if flaw is not None:
                flaws.append(flaw)
            if not store.has(name):
                missing.append(column)
    if flaws:
        hint = ""
        if missing:
            names = f"give its names by columns{null_hint(missing)}"
            hint = f"; the episode holds {store.holdings()}: {names}"
        raise DataError(f"{where}: {'; '.join(flaws)}{hint}")
    return items


def _steps(items: Mapping[Part, StoredColumn], places: Places) -> int:
    """Steps of an episode: it has as many actions."""
    [name] = places["action"]
    return items[Part("action", name)].shape[0]


def _check(
    items: Mapping[Part, StoredColumn],
    places: Places,
    sizes: Sizes,
    where: str,
    first: str,
) -> None:
    """As many rows as there are actions, and rows as wide as in the first episode."""
    steps = _steps(items, places)
    for part, item in items.items():
        wanted = steps
        if sizes.trailing and part.column == "observation":
            wanted = steps + 1
        if item.shape[0] != wanted:
            raise DataError(
                f"{where}: column {part.name}: found {item.shape[0]} rows; {steps}"
                f" actions take {wanted}"
            )
        if item.shape[1:] != sizes.row_shapes[part.name]:
            raise DataError(
                f"{where}: column {part.name}: found rows of shape {item.shape[1:]};"
                f" {first} has {sizes.row_shapes[part.name]}"
            )
    if not steps:
        raise DataError(f"{where}: found 0 steps; an episode needs at least one")


def _allocate(
    places: Places,
    sizes: Sizes,
    rows: int,
    where: str,
) -> tuple[dict[str, Any], dict[Part, ColumnConverter]]:
    """Empty columns of the table, and what fills the dimensions of each that one column
    of the file makes."""
    arrays: dict[str, Any] = {}
    converters: dict[Part, ColumnConverter] = {}
    sources = dict(places)
    if sizes.trailing:
        sources["next_observation"] = places["observation"]
    for column, names in sources.items():
        type_ = TRANSITION[column]
        if not type_.vector:
            [name] = names
            array = np.empty(rows, dtype=type_.dtype)
            place = f"{where}: column {name}"
            converters[Part(column, name)] = converter_into(array, place)
            arrays[column] = array
            continue
        width = sum(sizes.row_shapes[name][0] for name in names)
        array = np.empty((rows, width), dtype=type_.dtype)
        left = 0
        for name in names:
            right = left + sizes.row_shapes[name][0]
            place = f"{where}: column {name}"
            view = array[:, left:right]
            converters[Part(column, name)] = converter_into(view, place)
            left = right
        arrays[column] = array
    return arrays, converters


def _put(
    items: Mapping[Part, StoredColumn],
    converters: Mapping[Part, ColumnConverter],
    start: int,
    steps: int,
    episode: str,
) -> None:
    """The values of `episode` into the rows from `start` on; a trailing observation is
    only a next one."""
    for part, item in items.items():
        trailing = part.column == "observation" and item.shape[0] == steps + 1
        next_part = Part("next_observation", part.name)
        for first, block in item.blocks():
            row = start + first
            converters[part].put(row, block[: steps - first], episode, first)
            if trailing and first == 0:
                converters[next_part].put(start, block[1:], episode, 1)
            elif trailing:
                converters[next_part].put(row - 1, block, episode, first)
