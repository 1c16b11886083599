"""What a selector answers, held against what it was asked for at once.

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


def selected(
    name: str,
    selector: Selector,
    requests: Sequence[SelectionRequest],
) -> list[Selection]:
    """A sound selection for each request, by the selector that is called `name`.

    Raises:
        DataError: the selector answers something else than it has to.
    """
    answers = selector.select_all(requests)
    many = f"a {type(answers).__name__}"
    if isinstance(answers, Sequence):
        many = str(len(answers))
    if many != str(len(requests)):
        wanted = f"{len(requests)} requests; it takes one each"
        raise DataError(f"selector {name}: select_all gave {many} for {wanted}")
    for request, selection in zip(requests, answers, strict=True):
        check_selection(name, selection, request)
    return list(answers)


def check_selection(name: str, selection: Any, request: SelectionRequest) -> None:
    """Refuse what is no selection of exactly `request.size` distinct rows of the data.

    Raises:
        DataError: names the selector, what is wrong and what would be right.
    """
    who = f"selector {name}"
    if not isinstance(selection, Selection):
        kind = type(selection).__name__
        wanted = "it takes a Selection, such as Selection.unwalked"
        raise DataError(f"{who}: gave a {kind}; {wanted}")
    _check_kind(who, selection.rows)
    _check_rows(who, selection.rows, request.size, len(request.data))
    _check_record(who, selection.record, request.size)
    try:
        json.dumps(dict(selection.notes), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{who}: its notes are no plain JSON: {error}") from error


def _check_kind(who: str, rows: Any) -> None:
    """An array of whole numbers, (M,)."""
    found = type(rows).__name__
    if isinstance(rows, np.ndarray):
        if rows.ndim == 1 and rows.dtype.kind in "iu":
            return
        found = f"{rows.dtype} of shape {rows.shape}"
    raise DataError(f"{who}: its rows are {found}; they take int64 of shape (M,)")


def _check_rows(who: str, rows: Any, asked: int, available: int) -> None:
    """As many as were asked for, each of 0..N-1 at most once."""
    if len(rows) != asked:
        raise DataError(f"{who}: chose {len(rows)} rows; it was asked for {asked}")
    outside = rows[(rows < 0) | (rows >= available)]
    if len(outside):
        wanted = f"the data have rows 0 to {available - 1}"
        raise DataError(f"{who}: chose row {outside[0]}; {wanted}")
    values, counts = np.unique(rows, return_counts=True)
    if len(values) != len(rows):
        twice = f"row {values[counts > 1][0]} {counts[counts > 1][0]} times"
        raise DataError(f"{who}: chose {twice}; rows have to be distinct")


def _check_record(who: str, record: Any, size: int) -> None:
    """Every column that a selection's record has, one value a row, of its dtype."""
    names = set(record) if isinstance(record, Mapping) else set()
    odd = sorted(names ^ set(RECORD), key=str)
    if odd:
        wanted = f"it takes {sorted(RECORD)}"
        raise DataError(f"{who}: its record lacks or adds {odd}; {wanted}")
    for name, dtype in RECORD.items():
        column = np.asarray(record[name])
        if column.shape == (size,) and column.dtype == dtype:
            continue
        found = f"{column.dtype} of shape {column.shape}"
        wanted = f"it takes {dtype} of shape {(size,)}"
        raise DataError(f"{who}: {name} in its record is {found}; {wanted}")
