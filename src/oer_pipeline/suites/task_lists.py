"""The literature's full task lists (PEARL, MACAW; reused by OER): 50 goal angles, 40
velocities, 50 walkers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.ranges import read_ranges

Parameters = Mapping[str, Any]
TaskLists = dict[str, list[dict[str, Any]]]
"""Family -> parameters of task id 0, 1, ..."""


@cache
def task_lists() -> TaskLists:
    """All families' lists."""
    file = resources.files("oer_pipeline.suites") / "task_lists.json"
    text = file.read_text(encoding="utf-8")
    lists: TaskLists = json.loads(text)
    return lists


def listed(family: str, ids: Any, where: str) -> list[dict[str, Any]]:
    """The parameters of some tasks of a family's list, in the order of `ids`.

    Args:
        family: a key of `suite.FAMILIES`.
        ids: `0-4`, `3+1+7-9`, or a YAML list.
        where: what errors call the place.

    Raises:
        ConfigurationError: a family without a list, an id out of range or given twice,
            anything else.
    """
    known = task_lists().get(family)
    if known is None:
        raise ConfigurationError(
            f"{where}: family {family!r} has no list of tasks; list the tasks'"
            " parameters instead"
        )
    size = len(known)
    chosen = read_ranges(ids, size)
    if chosen is None:
        raise ConfigurationError(
            f"{where}: ids are {ids!r}; give a range 0-4, numbers 3+1, or a list of"
            " numbers"
        )
    wrong = set()
    for number in chosen:
        repeated = chosen.count(number) > 1
        if repeated or number >= size:
            wrong.add(number)
    if wrong or not chosen:
        odd = sorted(wrong) or repr(ids)
        raise ConfigurationError(
            f"{where}: ids {odd} of {ids!r}; each of 0 to {size - 1} at most once"
        )
    return [dict(known[number]) for number in chosen]


def list_id(family: str, parameters: Parameters) -> int | None:
    """The id of a task in its family's list; None when it is not there."""
    known = task_lists().get(family, [])
    task = dict(parameters)
    if task not in known:
        return None
    return known.index(task)
