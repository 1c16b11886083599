"""Many members' walks side by side: each is a coroutine that asks for neighbours, and
one search answers all of them.

A walk is written for one member alone. What it is told does not depend on who else
asks, so neither does its buffer.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from oer_pipeline.selection.neighbours import Found, Neighbours, Query
from oer_pipeline.selection.protocol import Selection

T = TypeVar("T")

Asking: TypeAlias = Generator[Query, Found, T]
"""Yields queries, is sent what was found, returns a T."""


def together(walks: Sequence[Asking[Selection]], search: Neighbours) -> list[Selection]:
    """Every walk's selection; walk m asks as member m of `search`."""
    answers: Mapping[int, Found | None] = dict.fromkeys(range(len(walks)))
    selections: dict[int, Selection] = {}
    while answers:
        asked = {}
        for member, answer in answers.items():
            try:
                asked[member] = (
                    next(walks[member])
                    if answer is None
                    else walks[member].send(answer)
                )
            except StopIteration as done:
                selections[member] = done.value
        answers = search.nearest(asked) if asked else {}
    return [selections[member] for member in range(len(walks))]
