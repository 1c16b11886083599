"""Files that keep every episode apart: what groups of an HDF5 file and npz archives of
a folder share.

Observations may come in several columns to be joined, and with one row more than there
are steps: the last is then what followed the last step. Shapes: N rows, T steps of an
episode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.filling import Filling, filling
from oer_pipeline.trajectories.exchange.flat import OPTIONAL, refuse_twice
from oer_pipeline.trajectories.exchange.found import D4RL_NAMES, Found
from oer_pipeline.trajectories.exchange.store import Item, Store
from oer_pipeline.trajectories.guard import check_claim
from oer_pipeline.trajectories.schema import TRANSITION

Places = Mapping[str, Sequence[str]]
"""Our column -> the file's columns that it is made of, in their order; most are made of
one."""


class Episode(NamedTuple):
    """One episode: what errors call it, and how it is opened."""

    where: str
    open: Callable[[], AbstractContextManager[Store]]


@dataclass
class Sizes:
    """What the first look at all episodes finds."""

    widths: dict[str, tuple[int, ...]]
    """Column of the file -> the shape of a row."""
    trailing: bool
    """Observations have one row more than there are steps."""
    steps: list[int] = field(default_factory=list)
    nbytes: int = 0


def places_in(
    names: Mapping[str, str | None],
    told: Mapping[str, Any],
    first: Store,
    where: str,
) -> dict[str, list[str]]:
    """Our column -> the one column of the file, as far as there has to be one or the
    first episode has it.

    Args:
        names: our column -> the file's name; None: it has none.
        told: D4RL's names that the suite names itself, so that they have to be there.
        first: the first episode.
        where: what errors call the whole.

    Raises:
        DataError: a column of the file would be two of ours.
    """
    places = {}
    for ours, name in names.items():
        may_lack = ours in OPTIONAL and D4RL_NAMES[ours] not in told
        if name is not None and not (may_lack and not first.has(name)):
            places[ours] = [name]
    refuse_twice({ours: name for ours, [name] in places.items()}, where)
    return places


def read_episodes(
    episodes: Sequence[Episode],
    places: Places,
    optional: Sequence[str],
    file_size: int,
    where: str,
) -> Found:
    """All episodes, one after another: a first look at every one's sizes, then their
    values.

    Args:
        episodes: one or more.
        places: what to read of each.
        optional: names of the file that the first episode lacks, and so may no other
            have.
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
    arrays, parts = _allocate(places, sizes, rows, where)
    start = 0
    for episode, steps in zip(episodes, sizes.steps, strict=True):
        with episode.open() as store:
            items = _opened(store, places, episode.where)
            _put(items, parts, start, steps)
        start += steps
    columns: dict[str, Any] = {
        D4RL_NAMES[ours]: arrays.get(ours) for ours in TRANSITION
    }
    return Found(
        where,
        {**D4RL_NAMES, **{ours: "+".join(names) for ours, names in places.items()}},
        **columns,
        episodes=np.repeat(np.arange(len(episodes), dtype=np.int32), sizes.steps),
        narrowed={n: part.record for (_, n), part in parts.items() if part.record},
    )


def _look(
    episodes: Sequence[Episode], places: Places, optional: Sequence[str]
) -> Sizes:
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
            widths = {name: item.shape[1:] for (_, name), item in items.items()}
            sizes = Sizes(widths, _is_trailing(items, places))
        _check(items, places, sizes, episode.where, episodes[0].where)
        sizes.steps.append(_steps(items, places))
        sizes.nbytes += sum(item.nbytes for item in items.values())
    if sizes is None:
        raise DataError("no episode to read; give at least one")
    return sizes


def _opened(store: Store, places: Places, where: str) -> dict[tuple[str, str], Item]:
    """(our column, the file's column) -> it, each what it has to be."""
    items: dict[tuple[str, str], Item] = {}
    flaws, missing = [], False
    for ours, names in places.items():
        for name in names:
            item, flaw = store.column(name, TRANSITION[ours])
            items[ours, name] = item
            flaws += [flaw] if flaw else []
            missing |= not store.has(name)
    if flaws:
        hint = (
            f"; the episode holds {store.holdings()}: give its names by columns"
            if missing
            else ""
        )
        raise DataError(f"{where}: {'; '.join(flaws)}{hint}")
    return items


def _steps(items: Mapping[tuple[str, str], Item], places: Places) -> int:
    [action] = places["action"]
    return items["action", action].shape[0]


def _is_trailing(items: Mapping[tuple[str, str], Item], places: Places) -> bool:
    observed = items["observation", places["observation"][0]].shape[0]
    return "next_observation" not in places and observed == _steps(items, places) + 1


def _check(
    items: Mapping[tuple[str, str], Item],
    places: Places,
    sizes: Sizes,
    where: str,
    first: str,
) -> None:
    """As many rows as there are actions, and rows as wide as in the first episode."""
    steps = _steps(items, places)
    for (ours, name), item in items.items():
        wanted = steps + (sizes.trailing and ours == "observation")
        if item.shape[0] != wanted:
            raise DataError(
                f"{where}: column {name}: found {item.shape[0]} rows; {steps} actions"
                f" take {wanted}"
            )
        if item.shape[1:] != sizes.widths[name]:
            raise DataError(
                f"{where}: column {name}: found rows of shape {item.shape[1:]}; {first}"
                f" has {sizes.widths[name]}"
            )
    if not steps:
        raise DataError(f"{where}: found 0 steps; an episode needs at least one")


def _allocate(
    places: Places, sizes: Sizes, rows: int, where: str
) -> tuple[dict[str, Any], dict[tuple[str, str], Filling]]:
    """Empty columns of ours, and what fills the part of each that a column of the file
    makes."""
    arrays: dict[str, Any] = {}
    parts: dict[tuple[str, str], Filling] = {}
    sources = dict(places)
    if sizes.trailing:
        sources["next_observation"] = places["observation"]
    for ours, names in sources.items():
        column = TRANSITION[ours]
        width = sum(sizes.widths[name][0] for name in names) if column.vector else 0
        shape = (rows, width) if column.vector else (rows,)
        arrays[ours] = np.empty(shape, dtype=column.dtype)
        left = 0
        for name in names:
            right = left + (sizes.widths[name][0] if column.vector else 0)
            view = arrays[ours][:, left:right] if column.vector else arrays[ours]
            parts[ours, name] = filling(
                f"{where}: column {name}", column, view.shape, view
            )
            left = right
    return arrays, parts


def _put(
    items: Mapping[tuple[str, str], Item],
    parts: Mapping[tuple[str, str], Filling],
    start: int,
    steps: int,
) -> None:
    """An episode's values into the rows from `start` on; a trailing observation only
    follows."""
    for (ours, name), item in items.items():
        for first, block in item.blocks():
            parts[ours, name].put(start + first, block[: steps - first])
            if ours == "observation" and item.shape[0] == steps + 1:
                skipped = 1 if first == 0 else 0
                parts["next_observation", name].put(
                    start + first + skipped - 1, block[skipped:]
                )
