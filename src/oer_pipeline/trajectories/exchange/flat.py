"""Columns of one row a step, one data set or array each: what D4RL's HDF5 files and npz
archives share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.exchange.conversion import ColumnConverter, new_converter
from oer_pipeline.trajectories.exchange.foreign_data import D4RL_NAMES
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.exchange.store import Store, StoredColumn
from oer_pipeline.trajectories.file_checks import check_claim
from oer_pipeline.trajectories.schema import TRANSITION, ColumnType

OPTIONAL = ("timeout", "next_observation")


def places_of(source: Source, store: Store) -> dict[str, str]:
    """The columns of a transition -> what the file calls them, those that it has or has
    to have.

    One that the source names has to be there; `timeouts` and `next_observations`
    otherwise need not be.
    """
    names = {}
    for column, usual in D4RL_NAMES.items():
        names[column] = source.name(usual, usual)
    return places_in(names, source.columns or {}, store, source.path)


def places_in(
    names: Mapping[str, str | None],
    configured: Mapping[str, Any],
    store: Store,
    where: str,
) -> dict[str, str]:
    """Column of the table -> the column of the file, as far as there has to be one or
    the store has it.

    Args:
        names: column of the table -> the file's name; None: it has none.
        configured: D4RL's names that the suite names itself, so that they have to be
            there.
        store: the open file; of episodes the first.
        where: what errors call the whole.

    Raises:
        DataError: a column of the file would be two of the table's.
    """
    places = {}
    for column, name in names.items():
        if name is None:
            continue
        may_lack = column in OPTIONAL and D4RL_NAMES[column] not in configured
        if store.has(name) or not may_lack:
            places[column] = name
    refuse_twice(places, where)
    return places


def refuse_twice(places: Mapping[str, str], where: str) -> None:
    """Every column of the file is one of the table's.

    Args:
        places: column of the table -> its place in the file.
        where: the file, as errors call it.

    Raises:
        DataError: one is read as two; its usual name is another one's.
    """
    columns: dict[str, str] = {}
    for column, place in places.items():
        path = place.strip("/")  # HDF5's /obs is obs
        first = columns.setdefault(path, column)
        if first != column:
            both = f"{D4RL_NAMES[first]} and as {D4RL_NAMES[column]}"
            raise DataError(
                f"{where}: column {place} would be read as {both}; say null for one, in"
                " columns"
            )


def read_flat(
    store: Store,
    places: Mapping[str, str],
    columns: Mapping[str, ColumnType],
    file_size: int,
    where: str,
    hint: str = "",
) -> dict[str, ColumnConverter]:
    """Every column at its place, block by block.

    Args:
        store: the open file.
        places: column of the table -> its name in the file.
        columns: column of the table -> what it has to be.
        file_size: bytes, to hold claims against.
        where: what errors call the file.
        hint: what to say besides where a column is missing.

    Raises:
        DataError: a column that is missing, or is not what it has to be; other numbers
            of rows; more rows than the file can hold, or none.
    """
    items = open_flat(store, places, columns, file_size, where, hint)
    read = {}
    for column, item in items.items():
        place = f"{where}: column {places[column]}"
        converter = new_converter(columns[column], item.shape, place)
        for start, block in item.blocks():
            converter.put(start, block)
        read[column] = converter
    return read


def open_flat(
    store: Store,
    places: Mapping[str, str],
    columns: Mapping[str, ColumnType],
    file_size: int,
    where: str,
    hint: str = "",
) -> dict[str, StoredColumn]:
    """The columns: each what it has to be, all with as many rows, the file large enough
    to hold them.

    Args:
        store: the open file.
        places: column of the table -> its name in the file.
        columns: column of the table -> what it has to be.
        file_size: bytes, to hold claims against.
        where: what errors call the file.
        hint: what to say besides where a column is missing.

    Raises:
        DataError: as `read_flat`.
    """
    items: dict[str, StoredColumn] = {}
    flaws: list[str] = []
    missing: list[str] = []
    for column, place in places.items():
        items[column], flaw = store.column(place, columns[column])
        if flaw is not None:
            flaws.append(flaw)
        if not store.has(place):
            missing.append(column)
    refuse(flaws, where, _what_is_there(store, missing, hint))
    _check_shapes(items, places, where)
    rows = items["observation"].shape[0]
    nbytes = sum(item.nbytes for item in items.values())
    check_claim(where, rows, nbytes, file_size)
    return items


def _check_shapes(
    items: Mapping[str, StoredColumn],
    places: Mapping[str, str],
    where: str,
) -> None:
    """All have as many rows as there are observations, and some."""
    rows, width = items["observation"].shape
    observations = places["observation"]
    flaws = []
    for column, item in items.items():
        if item.shape[0] != rows:
            flaws.append(
                f"column {places[column]}: found {item.shape[0]} rows; {observations}"
                f" have {rows}"
            )
    next_width = items.get("next_observation", items["observation"]).shape[1]
    if next_width != width:
        flaws.append(
            f"column {places['next_observation']}: found {next_width} dimensions;"
            f" {observations} have {width}"
        )
    if not rows:
        flaws.append(
            f"column {observations}: found 0 rows; a data set needs at least one"
        )
    refuse(flaws, where)


def refuse(flaws: list[str], where: str, hint: str = "") -> None:
    """Raise one DataError with every flaw, if there are any.

    Args:
        flaws: each without the file's name.
        where: the file, as errors call it.
        hint: what would help, at the end; empty: nothing.
    """
    if flaws:
        raise DataError(f"{where}: {'; '.join(flaws)}{hint}")


def _what_is_there(store: Store, missing: list[str], hint: str) -> str:
    """What the file holds instead of what is missing, and how to say so."""
    if not missing:
        return ""
    names = f"give its names by columns{null_hint(missing)}"
    return f"; the file holds {store.holdings()}: {names}{hint}"


def null_hint(missing: Sequence[str]) -> str:
    """How to say that there are none of what may be missing.

    Args:
        missing: columns of the table.
    """
    nulls = []
    for column in ("reward", "terminal"):
        if column in missing:
            nulls.append(f"{D4RL_NAMES[column]}: null")
    if not nulls:
        return ""
    said = ", ".join(nulls)
    return f" ({said} where there are none)"


def foreign_columns(read: Mapping[str, ColumnConverter]) -> dict[str, Any]:
    """What `ForeignData` takes of a transition's columns; None for those that the file
    lacks."""
    columns: dict[str, Any] = {}
    for column in TRANSITION:
        array = read[column].array if column in read else None
        columns[D4RL_NAMES[column]] = array
    return columns


def narrowing(
    read: Mapping[str, ColumnConverter],
    places: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    """The file's name of a column -> what making it float32 changed, where it did."""
    narrowed = {}
    for column, converter in read.items():
        if converter.record is not None:
            narrowed[places[column]] = converter.record
    return narrowed
