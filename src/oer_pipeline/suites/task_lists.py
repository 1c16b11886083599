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


@cache
def task_lists() -> dict[str, list[dict[str, Any]]]:
    """Family -> parameters of task id 0, 1, ..."""
    text = (
        resources.files("oer_pipeline.suites")
        .joinpath("task_lists.json")
        .read_text(encoding="utf-8")
    )
    lists: dict[str, list[dict[str, Any]]] = json.loads(text)
    return lists


def listed(family: str, ids: Any, where: str) -> list[dict[str, Any]]:
    """The parameters of some `ids` of a family's list, in the order given: `0-4`,
    `3+1+7-9`, or a YAML list.

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
    chosen = read_ranges(ids, len(known))
    if chosen is None:
        raise ConfigurationError(
            f"{where}: ids are {ids!r}; give a range 0-4, numbers 3+1, or a list of"
            " numbers"
        )
    wrong = sorted(
        {i for i in chosen if i >= len(known)}
        | {i for i in chosen if chosen.count(i) > 1}
    )
    if wrong or not chosen:
        raise ConfigurationError(
            f"{where}: ids {wrong or ids!r} of {ids!r}; each of 0 to {len(known) - 1}"
            " at most once"
        )
    return [dict(known[i]) for i in chosen]


def list_id(family: str, parameters: Parameters) -> int | None:
    """The id of a task in its family's list; None when it is not there."""
    known = task_lists().get(family, [])
    return next((i for i, entry in enumerate(known) if entry == dict(parameters)), None)
