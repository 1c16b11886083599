"""Nested parameters by dotted names, as a command line and a grid take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def by_dotted_name(
    values: Mapping[str, Any],
    path: str = "",
) -> Iterator[tuple[str, Any]]:
    """`learners.er.replay_weight` and its value, of every parameter that is no group.

    Args:
        values: nested.
        path: what names begin with.
    """
    for key, value in values.items():
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            yield from by_dotted_name(value, f"{name}.")
        else:
            yield name, value
