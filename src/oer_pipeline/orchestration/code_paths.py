"""Code that parameters name: `package.module:Class`, and environments `id:
module:Name-v0`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

DOTTED_PATH = re.compile(r"[^\W\d]\w*([.:][^\W\d]\w*)*")
"""`package.module:Class`, if there is a colon in it."""
ENVIRONMENT = re.compile(r"[A-Za-z_][\w.]*:[\w./-]+")
"""`module:Name-v0`, as gymnasium takes it."""


def dotted_paths(value: Any) -> set[str]:
    """The dotted paths anywhere inside a value."""
    found = set()
    for text in _texts(value):
        if ":" in text and DOTTED_PATH.fullmatch(text):
            found.add(text)
    for name in _environments(value):
        if ENVIRONMENT.fullmatch(name):
            found.add(name)
    return found


def _texts(value: Any) -> Iterator[str]:
    """Every text that is a value, or in a list or a group."""
    if isinstance(value, str):
        yield value
    for inner in _inside(value):
        yield from _texts(inner)


def _environments(value: Any) -> Iterator[str]:
    """Every text that a group has under `id`."""
    if isinstance(value, Mapping):
        name = value.get("id")
        if isinstance(name, str):
            yield name
    for inner in _inside(value):
        yield from _environments(inner)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    return []
