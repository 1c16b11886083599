"""What a selector answers, held against what it was asked at once; each error is one line that names the selector.

Shapes: N rows of the data, M chosen rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oer_pipeline.errors import DataError
from oer_pipeline.selection.protocol import RECORD, Selection, SelectionRequest, Selector


def selected(name: str, selector: Selector, requests: Sequence[SelectionRequest]) -> list[Selection]:
    """A sound selection for each request, by the selector that is called `name`.

    Raises:
        DataError: the selector answers something else than it has to.
    """
    answers = selector.select_all(requests)
    if not isinstance(answers, Sequence) or len(answers) != len(requests):
        many = f"{len(answers)}" if isinstance(answers, Sequence) else f"a {type(answers).__name__}"
        raise DataError(f"selector {name}: select_all gave {many} for {len(requests)} requests; it takes one each")
    for request, selection in zip(requests, answers, strict=True):
        check_selection(name, selection, request)
    return list(answers)


def check_selection(name: str, selection: Any, request: SelectionRequest) -> None:
    """Refuse a selection that is none of exactly `request.size` distinct rows of the data.

    Raises:
        DataError: names the selector, what is wrong and what would be right.
    """
    who = f"selector {name}"
    if not isinstance(selection, Selection):
        raise DataError(f"{who}: gave a {type(selection).__name__}; it takes a Selection, such as Selection.unwalked")
    _check_rows(who, selection.rows, request)
    _check_record(who, selection.record, request.size)
    try:
        json.dumps(dict(selection.notes), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{who}: its notes are no plain JSON: {error}") from error


def _check_rows(who: str, rows: Any, request: SelectionRequest) -> None:
    """Whole numbers, as many as were asked for, each of 0..N-1 at most once."""
    asked, available = request.size, len(request.data)
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iu" or rows.ndim != 1:
        found = f"{rows.dtype} of shape {rows.shape}" if isinstance(rows, np.ndarray) else type(rows).__name__
        raise DataError(f"{who}: its rows are {found}; they take int64 of shape (M,)")
    if len(rows) != asked:
        raise DataError(f"{who}: chose {len(rows)} rows; it was asked for {asked}")
    outside = rows[(rows < 0) | (rows >= available)]
    if len(outside):
        raise DataError(f"{who}: chose row {outside[0]}; the data have rows 0 to {available - 1}")
    values, counts = np.unique(rows, return_counts=True)
    if len(values) != len(rows):
        twice, times = values[counts > 1][0], counts[counts > 1][0]
        raise DataError(f"{who}: chose row {twice} {times} times; rows have to be distinct")


def _check_record(who: str, record: Any, size: int) -> None:
    """Every column that a selection's record has, one value a row, of its dtype."""
    names = set(record) if isinstance(record, Mapping) else set()
    if names != set(RECORD):
        odd = sorted(names ^ set(RECORD), key=str)
        raise DataError(f"{who}: its record lacks or adds {odd}; it takes {sorted(RECORD)}")
    for name, dtype in RECORD.items():
        column = np.asarray(record[name])
        if column.shape != (size,) or column.dtype != dtype:
            found = f"{column.dtype} of shape {column.shape}"
            raise DataError(f"{who}: {name} in its record is {found}; it takes {dtype} of shape {(size,)}")
