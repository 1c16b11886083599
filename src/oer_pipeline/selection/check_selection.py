"""What a selector answers, checked against what it was asked for.

Each error is one line that names the selector. Shapes: N rows of the data, M chosen
rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.selection.protocol import (
    RECORD,
    Selection,
    SelectionRequest,
    Selector,
)


def checked_selections(
    name: str,
    selector: Selector,
    requests: Sequence[SelectionRequest],
) -> list[Selection]:
    """A valid selection for each request.

    Args:
        name: of the selector, for errors.
        selector: chooses.
        requests: one per seed.

    Raises:
        DataError: the selector answers something else than it has to, cannot answer, or
            changes the data that it was given.
    """
    before = _contents(requests)
    try:
        selections = selector.select_all(requests)
    except DataError as error:
        raise DataError(f"selector {name}: {error}") from error
    answered = f"a {type(selections).__name__}"
    if isinstance(selections, Sequence):
        answered = str(len(selections))
    if answered != str(len(requests)):
        wanted = f"{len(requests)} requests; it takes one each"
        raise DataError(f"selector {name}: select_all gave {answered} for {wanted}")
    for request, selection in zip(requests, selections, strict=True):
        check_selection(name, selection, request)
    if _contents(requests) != before:
        raise DataError(
            f"selector {name}: it changed the data that it was given; it has to copy"
            " what it changes"
        )
    return list(selections)


def _contents(requests: Sequence[SelectionRequest]) -> dict[int, str]:
    """A hash of each table that the requests share, by the table's identity."""
    tables = {id(request.data): request.data for request in requests}
    return {identity: table.content_hash() for identity, table in tables.items()}


def check_selection(
    name: str,
    selection: Any,
    request: SelectionRequest,
) -> None:
    """Refuse what is no selection of exactly `request.size` distinct rows of the data.

    Args:
        name: of the selector, for errors.
        selection: its answer.
        request: what it was asked for.

    Raises:
        DataError: names the selector, what is wrong and what would be right.
    """
    who = f"selector {name}"
    if not isinstance(selection, Selection):
        kind = type(selection).__name__
        wanted = "it takes a Selection, such as Selection.unwalked"
        raise DataError(f"{who}: gave a {kind}; {wanted}")
    _check_dtype(who, selection.rows)
    _check_rows(
        who,
        selection.rows,
        request.size,
        len(request.data),
    )
    _check_record(who, selection.record, request.size)
    try:
        json.dumps(dict(selection.notes), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{who}: its notes are no plain JSON: {error}") from error


def _check_dtype(
    who: str,
    rows: Any,
) -> None:
    """An array of whole numbers, (M,)."""
    actual = type(rows).__name__
    if isinstance(rows, np.ndarray):
        if rows.ndim == 1 and rows.dtype.kind in "iu":
            return
        actual = f"{rows.dtype} of shape {rows.shape}"
    raise DataError(f"{who}: its rows are {actual}; they take int64 of shape (M,)")


def _check_rows(
    who: str,
    rows: Any,
    size: int,
    available: int,
) -> None:
    """As many as were asked for, each of 0..N-1 at most once."""
    if len(rows) != size:
        raise DataError(f"{who}: chose {len(rows)} rows; it was asked for {size}")
    outside = rows[(rows < 0) | (rows >= available)]
    if len(outside):
        wanted = f"the data have rows 0 to {available - 1}"
        raise DataError(f"{who}: chose row {outside[0]}; {wanted}")
    distinct, counts = np.unique(rows, return_counts=True)
    if len(distinct) != len(rows):
        repeated = counts > 1
        row = distinct[repeated][0]
        times = counts[repeated][0]
        wanted = "rows have to be distinct"
        raise DataError(f"{who}: chose row {row} {times} times; {wanted}")


def _check_record(
    who: str,
    record: Any,
    size: int,
) -> None:
    """Every column that a selection's record has, one value per row, of its dtype."""
    names = set(record) if isinstance(record, Mapping) else set()
    odd = sorted(names ^ set(RECORD), key=str)
    if odd:
        wanted = f"it takes {sorted(RECORD)}"
        raise DataError(f"{who}: its record lacks or adds {odd}; {wanted}")
    for name, dtype in RECORD.items():
        column = np.asarray(record[name])
        if column.shape == (size,) and column.dtype == dtype:
            continue
        actual = f"{column.dtype} of shape {column.shape}"
        wanted = f"it takes {dtype} of shape {(size,)}"
        raise DataError(f"{who}: {name} in its record is {actual}; {wanted}")
