"""What a selector answers is held against the request at once, and the error names the
selector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.selection.check_selection import checked_selections
from oer_pipeline.selection.fill import fill
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector

Kit = Any


class Theirs(Selector):
    """Somebody else's selector: answers what it is told to."""

    def __init__(self, answer: Callable[[SelectionRequest], Any]) -> None:
        self.answer = answer

    def select(self, request: SelectionRequest) -> Any:
        return self.answer(request)


def rows(*numbers: int) -> Callable[[SelectionRequest], Selection]:
    return lambda _: Selection.unwalked(np.array(numbers))


def changed(**what: Any) -> Callable[[SelectionRequest], Selection]:
    """A sound selection but for some fields, or columns of its record."""

    def answer(_: SelectionRequest) -> Selection:
        sound = Selection.unwalked(np.arange(3))
        fields = {name: what[name] for name in ("rows", "notes") if name in what}
        columns = {name: value for name, value in what.items() if name not in fields}
        kept = {
            name: column
            for name, column in {**sound.record, **columns}.items()
            if column is not None
        }
        return replace(sound, record=kept, **fields)

    return answer


MISTAKES = {
    "too few": (rows(0, 1), "chose 2 rows; it was asked for 3"),
    "too many": (rows(0, 1, 2, 3), "chose 4 rows; it was asked for 3"),
    "none": (lambda _: Selection.unwalked(np.zeros(0, np.int64)), "chose 0 rows"),
    "twice": (rows(4, 7, 4), "chose row 4 2 times; rows have to be distinct"),
    "beyond": (rows(0, 1, 20), "chose row 20; the data have rows 0 to 19"),
    "negative": (rows(0, 1, -1), "chose row -1; the data have rows 0 to 19"),
    "floats": (
        changed(rows=np.array([0.0, 1.0, 2.5])),
        r"rows are float64 of shape \(3,\); they take int64",
    ),
    "floats where they are made": (
        lambda _: Selection.unwalked(np.array([0.0, 1.0, 2.0])),
        r"chosen rows are float64 of shape \(3,\); they take int64",
    ),
    "a mask": (changed(rows=np.array([True, True, True])), "rows are bool"),
    "a list": (changed(rows=[0, 1, 2]), "rows are list; they take int64"),
    "a column": (
        changed(rows=np.array([[0], [1], [2]])),
        r"rows are int64 of shape \(3, 1\)",
    ),
    "rows alone": (lambda _: np.arange(3), "gave a ndarray; it takes a Selection"),
    "nothing": (lambda _: None, "gave a NoneType; it takes a Selection"),
    "a short record": (
        changed(step=np.zeros(2, np.int32)),
        r"step in its record is int32 of shape \(2,\)",
    ),
    "another dtype": (
        changed(distance=np.zeros(3)),
        r"distance in its record is float64 .*takes float32",
    ),
    "a missing column": (
        changed(walked=None),
        r"its record lacks or adds \['walked'\]",
    ),
    "one more column": (
        changed(score=np.zeros(3)),
        r"its record lacks or adds \['score'\]",
    ),
    "notes": (changed(notes={"array": np.zeros(2)}), "its notes are no plain JSON"),
    "notes with NaN": (
        changed(notes={"mean": float("nan")}),
        "its notes are no plain JSON",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_answer_is_one_line_that_names_the_selector(
    kit: Kit, name: str
) -> None:
    answer, words = MISTAKES[name]
    data = kit.table([[(x, y) for x in range(11)] for y in range(2)])
    with pytest.raises(DataError, match=words) as caught:
        checked_selections("theirs", Theirs(answer), [kit.request(data, 3)])
    assert str(caught.value).startswith("selector theirs: ")
    assert "\n" not in str(caught.value)


def test_rows_that_a_cast_would_change_are_refused_where_they_are_made() -> None:
    with pytest.raises(
        DataError, match=r"chosen rows are float64 of shape \(2,\); they take int64"
    ):
        Selection.unwalked(np.array([0.5, 1.5]))
    assert Selection.unwalked(np.array([3, 4], np.int32)).rows.dtype == np.int64


def test_a_selector_leaves_the_data_as_they_are(kit: Kit) -> None:
    class Careless(Theirs):
        def select(self, request: SelectionRequest) -> Any:
            request.data.observation[:] = 0.0
            return super().select(request)

    data = kit.table([[(x, y) for x in range(11)] for y in range(2)])
    asked = [kit.request(data, 2), kit.request(data, 2)]
    with pytest.raises(DataError, match="selector theirs: it changed the data"):
        checked_selections("theirs", Careless(rows(0, 1)), asked)


def test_every_request_has_an_answer(kit: Kit) -> None:
    class Forgetful(Theirs):
        def select_all(self, requests: Sequence[SelectionRequest]) -> Any:
            return [self.select(requests[0])]

    class Lazy(Theirs):
        def select_all(self, requests: Sequence[SelectionRequest]) -> Any:
            return (self.select(request) for request in requests)

    data = kit.table([[(x, y) for x in range(11)] for y in range(2)])
    asked = [kit.request(data, 2), kit.request(data, 2)]
    with pytest.raises(
        DataError, match="selector theirs: select_all gave 1 for 2 requests"
    ):
        checked_selections("theirs", Forgetful(rows(0, 1)), asked)
    with pytest.raises(
        DataError, match="selector theirs: select_all gave a generator for 2 requests"
    ):
        checked_selections("theirs", Lazy(rows(0, 1)), asked)
    assert [
        s.rows.tolist() for s in checked_selections("theirs", Theirs(rows(0, 1)), asked)
    ] == [
        [0, 1],
        [0, 1],
    ]


def test_a_buffer_is_not_filled_with_what_is_none(kit: Kit) -> None:
    data = kit.table([[(x, y) for x in range(11)] for y in range(2)])
    with pytest.raises(
        DataError, match="selector of this buffer: chose 2 rows; it was asked for 3"
    ):
        fill(kit.request(data, 3), Selection.unwalked(np.arange(2)), "data")
