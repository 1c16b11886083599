"""Many members' walks side by side: each is a coroutine that asks for neighbours, and
one search answers all of them.

A walk is written for one member alone. The answers that it gets do not depend on who
else asks, so neither does its buffer.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from oer_pipeline.selection.neighbours import Nearest, NeighbourSearch, Query
from oer_pipeline.selection.protocol import Selection

T = TypeVar("T")

QueryCoroutine: TypeAlias = Generator[Query, Nearest, T]
"""Yields queries, is sent their answers, returns a T."""


def run_in_lockstep(
    walks: Sequence[QueryCoroutine[Selection]],
    search: NeighbourSearch,
) -> list[Selection]:
    """Every walk's selection; walk m asks as member m of `search`."""
    answers: Mapping[int, Nearest | None] = dict.fromkeys(range(len(walks)))
    selections: dict[int, Selection] = {}
    while answers:
        queries = {}
        for member, answer in answers.items():
            walk = walks[member]
            try:
                queries[member] = next(walk) if answer is None else walk.send(answer)
            except StopIteration as finished:
                selections[member] = finished.value
        answers = search.nearest(queries) if queries else {}
    return [selections[member] for member in range(len(walks))]
