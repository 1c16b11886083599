"""Columns of one row a step, one data set or array each: what D4RL's HDF5 files and npz
archives share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.filling import Filling, filling
from oer_pipeline.trajectories.exchange.found import D4RL_NAMES
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.exchange.store import Item, Store
from oer_pipeline.trajectories.guard import check_claim
from oer_pipeline.trajectories.schema import TRANSITION, Column

OPTIONAL = ("timeout", "next_observation")


def places_of(source: Source, store: Store) -> dict[str, str]:
    """Our columns of a transition -> what the file calls them, those that it has or has
    to have.

    One that the source names has to be there; `timeouts` and `next_observations`
    otherwise need not be.
    """
    places = {}
    for ours, usual in D4RL_NAMES.items():
        place = source.name(usual, usual)
        may_lack = ours in OPTIONAL and usual not in (source.columns or {})
        if place is not None and not (may_lack and not store.has(place)):
            places[ours] = place
    refuse_twice(places, source.path)
    return places


def refuse_twice(places: Mapping[str, str], where: str) -> None:
    """Every column of the file is one of ours; errors call the file `where`.

    Raises:
        DataError: one is read as two; its usual name is another one's.
    """
    for ours, place in places.items():
        again = [
            other
            for other, theirs in places.items()
            if theirs == place and other != ours
        ]
        if again:
            both = f"{D4RL_NAMES[ours]} and as {D4RL_NAMES[again[0]]}"
            raise DataError(
                f"{where}: column {place} would be read as {both}; say null for one, in"
                " columns"
            )


def read_flat(
    store: Store,
    places: Mapping[str, str],
    columns: Mapping[str, Column],
    file_size: int,
    where: str,
    hint: str = "",
) -> dict[str, Filling]:
    """Every column at its place, block by block.

    Args:
        store: the open file.
        places: our column -> its name in the file.
        columns: our column -> what it has to be.
        file_size: bytes, to hold claims against.
        where: what errors call the file.
        hint: what to say besides where a column is missing.

    Raises:
        DataError: a column that is missing, or is not what it has to be; other numbers
            of rows; more rows than the file can hold, or none.
    """
    items = open_flat(store, places, columns, file_size, where, hint)
    return {
        ours: _filled(items[ours], columns[ours], f"{where}: column {places[ours]}")
        for ours in places
    }


def open_flat(
    store: Store,
    places: Mapping[str, str],
    columns: Mapping[str, Column],
    file_size: int,
    where: str,
    hint: str = "",
) -> dict[str, Item]:
    """The columns: each what it has to be, all with as many rows, the file large enough
    to hold them.

    Raises:
        DataError: as `read_flat`.
    """
    opened = {
        ours: store.column(place, columns[ours]) for ours, place in places.items()
    }
    missing = [place for place in places.values() if not store.has(place)]
    refuse(
        [flaw for _, flaw in opened.values() if flaw],
        where,
        _what_is_there(store, missing, hint),
    )
    items: dict[str, Item] = {ours: item for ours, (item, _) in opened.items()}
    rows, width = items["observation"].shape
    base = places["observation"]
    flaws = [
        f"column {places[ours]}: found {item.shape[0]} rows; {base} have {rows}"
        for ours, item in items.items()
        if item.shape[0] != rows
    ]
    following = items.get("next_observation", items["observation"]).shape[1]
    if following != width:
        place = places["next_observation"]
        flaws.append(
            f"column {place}: found {following} dimensions; {base} have {width}"
        )
    if not rows:
        flaws.append(f"column {base}: found 0 rows; a data set needs at least one")
    refuse(flaws, where)
    check_claim(where, rows, sum(item.nbytes for item in items.values()), file_size)
    return items


def refuse(flaws: list[str], where: str, hint: str = "") -> None:
    """Raise one DataError with every flaw, if there are any."""
    if flaws:
        raise DataError(f"{where}: {'; '.join(flaws)}{hint}")


def _what_is_there(store: Store, missing: list[str], hint: str) -> str:
    """What the file holds instead of what is missing, and how to say so."""
    if not missing:
        return ""
    none = " (rewards: null where there are none)" if "rewards" in missing else ""
    return f"; the file holds {store.holdings()}: give its names by columns{none}{hint}"


def _filled(item: Item, column: Column, where: str) -> Filling:
    filled = filling(where, column, item.shape)
    for start, block in item.blocks():
        filled.put(start, block)
    return filled


def columns_read(read: Mapping[str, Filling]) -> dict[str, Any]:
    """What `Found` takes of a transition's columns; None for those that the file
    lacks."""
    arrays = {ours: filled.array for ours, filled in read.items()}
    return {D4RL_NAMES[ours]: arrays.get(ours) for ours in TRANSITION}
