"""`${name}` in files of configuration: how much they stand for, before it is written
out.

    a: ${b}${b}
    b: ${c}${c}

Thirty such lines are a gigabyte of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from oer_pipeline.common.errors import ConfigurationError

MOST_VALUES = 100_000
"""Most values that all files of a kind may stand for."""
LETTERS = 100
"""So many characters of a text with `${...}` count as one value."""
OF_RESOLVER = 16
"""Values that `${resolver:...}` counts for, beside what it takes from a place."""
GLOBALS = "globals"
INNERMOST = re.compile(r"\$\{([^${}]*)\}")
INSIDE = "\0"
"""Where another interpolation stood."""

KeyPath = tuple[str, ...]


def check_interpolations(
    documents: Sequence[Any], where: str, shared: Sequence[Any] = ()
) -> None:
    """Refuse interpolations that stand for too much, or for themselves.

    Args:
        documents: what the files of a kind in one folder say; a name may be in any.
        where: what errors call them.
        shared: what the files of `globals` say, which `${globals:...}` takes from.

    Raises:
        ConfigurationError: names the value.
    """
    weights = _Weights(documents, where, _Weights(shared, where))
    try:
        total = weights.of(())
    except RecursionError as error:
        raise ConfigurationError(
            f"{where}: its ${{...}} refer to one another too often"
        ) from error
    if total > MOST_VALUES:
        raise ConfigurationError(
            f"{where}: its ${{...}} stand for over {MOST_VALUES} values"
        )


class _Weights:
    """How many values a place stands for, its interpolations written out."""

    def __init__(
        self, documents: Sequence[Any], where: str, shared: _Weights | None = None
    ) -> None:
        self._documents = documents
        self._where = where
        self._shared = self if shared is None else shared
        self._known: dict[KeyPath, int] = {}
        self._open: set[KeyPath] = set()

    def of(self, place: KeyPath) -> int:
        """The weight of whatever is at a place."""
        if place in self._known:
            return self._known[place]
        if place in self._open:
            name = ".".join(place)
            raise ConfigurationError(f"{self._where}: {name} refers to itself")
        self._open.add(place)
        weight = 0
        for document in self._documents:
            weight += self._weigh(_at(document, place), place)
        self._open.remove(place)
        self._known[place] = weight
        return weight

    def _weigh(self, value: Any, place: KeyPath) -> int:
        weight = 1
        if isinstance(value, Mapping):
            for name in value:
                weight += self.of((*place, str(name)))
        elif isinstance(value, list):
            for number in range(len(value)):
                weight += self.of((*place, str(number)))
        elif isinstance(value, str) and "${" in value:
            weight += len(value) // LETTERS
            for inside in self._interpolations(value, place):
                weight += self._weigh_interpolation(inside, place)
        return weight

    def _weigh_interpolation(self, inside: str, place: KeyPath) -> int:
        """Of `name`, `oc.select:name,default`, `globals:name` or `resolver:words`."""
        resolver, colon, words = inside.partition(":")
        if not colon:
            return self.of(_target(inside, place))
        named = _target(words.partition(",")[0], ())
        if resolver.strip().startswith("oc."):
            return OF_RESOLVER + self.of(named)
        if resolver.strip() == GLOBALS:
            return OF_RESOLVER + self._shared.of(named)
        return OF_RESOLVER

    def _interpolations(self, text: str, place: KeyPath) -> Iterator[str]:
        """What is between `${` and `}`, from the inside out."""
        found = INNERMOST.search(text)
        while found is not None:
            inside = found[1]
            if INSIDE in inside and ":" not in inside:
                name = ".".join(place)
                raise ConfigurationError(
                    f"{self._where}: {name} has a ${{...}} in the name of another;"
                    " write it out"
                )
            yield inside
            text = text[: found.start()] + INSIDE + text[found.end() :]
            found = INNERMOST.search(text)


def _target(inside: str, place: KeyPath) -> KeyPath:
    """The place that an interpolation means; `.name` is beside it, `..name` a group
    above."""
    name = inside.strip()
    steps = len(name) - len(name.lstrip("."))
    parts = re.split(r"[.\[\]]+", name.strip(".[]"))
    above = place[:-steps] if steps else ()
    return (*above, *parts)


def _at(document: Any, place: KeyPath) -> Any:
    """What a document has at a place; None where it has nothing."""
    for part in place:
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and part.isdecimal():
            number = int(part)
            document = document[number] if number < len(document) else None
        else:
            return None
    return document
