"""YAML files, held against what a reader can take before one reads them.

Aliases let a hundred bytes stand for terabytes, and nesting can be deeper than any
parser's stack. One pass over a file's events, which builds nothing, refuses both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isinf
from pathlib import Path
from typing import Any, NoReturn

import yaml

from oer_pipeline.common.errors import ConfigurationError

MOST_BYTES = 4 * 2**20
MOST_VALUES = 100_000
"""Most values that a file may stand for, its aliases written out."""
DEEPEST = 32
"""Groups and lists inside one another."""
LONGEST_NUMBER = 300
"""Longest number that a file may hold, in characters."""
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TEXT = "tag:yaml.org,2002:str"
MERGED = "tag:yaml.org,2002:merge"
DATE = "tag:yaml.org,2002:timestamp"
TAGS = frozenset(
    {
        None,
        "!",
        TEXT,
        "tag:yaml.org,2002:int",
        "tag:yaml.org,2002:float",
        "tag:yaml.org,2002:bool",
        "tag:yaml.org,2002:null",
        "tag:yaml.org,2002:map",
        "tag:yaml.org,2002:seq",
    }
)
NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?")
NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_yaml(path: Path) -> Any:
    """What a file says.

    Raises:
        ConfigurationError: as `read_text` and `check_yaml`.
    """
    return parsed(read_text(path), str(path))


def parsed(text: str, where: str) -> Any:
    """What a text says.

    Args:
        text: YAML.
        where: the file, as errors call it.

    Raises:
        ConfigurationError: as `check_yaml`.
    """
    check_yaml(text, where)
    try:
        return yaml.load(text, LOADER)  # the safe one
    except (yaml.YAMLError, ValueError) as error:  # of a date that there is not
        raise _not_yaml(where, error) from error


def read_text(path: Path) -> str:
    """A file of configuration as text.

    Raises:
        ConfigurationError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigurationError(
                f"{path}: more than {MOST_BYTES} bytes; a file of configuration has"
                " fewer"
            )
        return content.decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path}: not UTF-8 text, byte {error.start}; save it as UTF-8"
        ) from error


def check_yaml(text: str, where: str) -> None:
    """Refuse what is no mapping of names to plain values, or stands for too many.

    Args:
        text: the file's.
        where: what errors call the file.

    Raises:
        ConfigurationError: names `where`, the line, and what is wrong with it.
    """
    seen = _Seen(where)
    try:
        for event in yaml.parse(text, LOADER):
            seen.take(event)
    except yaml.YAMLError as error:
        raise _not_yaml(where, error) from error


@dataclass
class _Group:
    """A mapping or a list whose end has not come yet."""

    anchor: str | None
    is_mapping: bool
    values: int = 1
    keys: set[str] = field(default_factory=set)
    key_is_next: bool = True


class _Seen:
    """What has been seen of a file's events."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._open: list[_Group] = []
        self._sizes: dict[str, int] = {}
        self._documents = 0

        self._takers = {
            yaml.DocumentStartEvent: self._document,
            yaml.AliasEvent: self._alias,
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._begin,
            yaml.SequenceStartEvent: self._begin,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
        }

    def take(self, event: Any) -> None:
        """The next event."""
        taker = self._takers.get(type(event))
        if taker is not None:
            taker(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(event, "a second document; a file has one")

    def _end(self, event: Any) -> None:
        group = self._open.pop()
        self._add(event, group.values, group.anchor)

    def _begin(self, event: Any) -> None:
        self._check_tag(event)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if not self._open and not is_mapping:
            self._refuse(event, "found a list; it takes names with values")
        if len(self._open) >= DEEPEST:
            self._refuse(event, f"nested more than {DEEPEST} deep")
        if self._takes_key():
            self._refuse(event, "a name is a group or a list; it has to be text")
        self._open.append(_Group(event.anchor, is_mapping))

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if self._takes_key():
            self._refuse(event, f"a name is the alias *{name}; it has to be text")
        still_open = [group.anchor for group in self._open]
        if name in still_open:
            self._refuse(event, f"*{name} refers to itself")
        if name not in self._sizes:
            self._refuse(event, f"*{name} has no &{name} before it")
        self._add(event, self._sizes[name])

    def _scalar(self, event: Any) -> None:
        self._check_tag(event)
        value = event.value
        is_plain = event.implicit[0] and event.style in (None, "")
        if not self._open and value != "":
            self._refuse(event, f"found {value[:40]!r}; it takes names with values")
        if is_plain:
            self._check_number(event, value)
        if self._takes_key():
            self._check_key(event, value, is_plain)
        self._add(event, 1, event.anchor)

    def _check_key(self, event: Any, value: str, is_plain: bool) -> None:
        group = self._open[-1]
        if value in group.keys:
            self._refuse(event, f"{value!r} is there twice; a name has one value")
        group.keys.add(value)
        is_at_top = len(self._open) == 1
        if is_plain and is_at_top and not _is_text(value):
            self._refuse(event, f'the name {value} is no text; write "{value}"')

    def _check_number(self, event: Any, value: str) -> None:
        letters = len(value)
        if letters > LONGEST_NUMBER and value[0] in "+-.0123456789":
            self._refuse(event, f"a number of {letters} letters, {value[:20]}...")
        is_infinite = False
        if NUMBER.fullmatch(value):
            number = float(value.replace("_", ""))
            is_infinite = isinf(number)
        if is_infinite or NO_NUMBER.fullmatch(value):
            self._refuse(event, f"{value} is no finite number")

    def _check_tag(self, event: Any) -> None:
        if event.tag not in TAGS:
            self._refuse(event, f"the tag {event.tag}; it takes plain values")

    def _add(self, event: Any, values: int, anchor: str | None = None) -> None:
        """A whole value has been seen, which stands for so many."""
        if anchor is not None:
            self._sizes[anchor] = values
        if not self._open:
            return
        group = self._open[-1]
        group.values += values
        group.key_is_next = not group.key_is_next
        if group.values > MOST_VALUES:
            self._refuse(event, f"its aliases stand for over {MOST_VALUES} values")

    def _takes_key(self) -> bool:
        if not self._open:
            return False
        group = self._open[-1]
        return group.is_mapping and group.key_is_next

    def _refuse(self, event: Any, why: str) -> NoReturn:
        line = event.start_mark.line + 1
        raise ConfigurationError(f"{self._where}, line {line}: {why}")


def _is_text(value: str) -> bool:
    """Whether a plain name is read as text."""
    resolver: Any = yaml.SafeLoader("")
    tag = resolver.resolve(yaml.ScalarNode, value, (True, False))
    return tag in (TEXT, MERGED, DATE)


def _not_yaml(where: str, error: Exception) -> ConfigurationError:
    """Without the lines of the file that PyYAML would show: they may be secret."""
    problem: Any = error
    if isinstance(error, yaml.MarkedYAMLError):
        problem = error.problem
        mark = error.problem_mark
        if mark is not None:
            where = f"{where}, line {mark.line + 1}"
    elif isinstance(error, yaml.reader.ReaderError):
        problem = error.reason
    said = " ".join(str(problem).split())
    return ConfigurationError(f"{where}: not YAML: {said}")
