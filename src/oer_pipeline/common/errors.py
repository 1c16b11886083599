"""The project's errors: each names the thing, the value and what would have been
right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OERError(Exception):
    """Base of every error that the project raises on purpose."""


class ConfigurationError(OERError, ValueError):
    """A parameter, name or suite that does not exist or does not fit."""


class UnknownNameError(ConfigurationError):
    """A `name` that the configuration does not have."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class DataError(OERError, ValueError):
    """A file or table that breaks a rule of the project's formats."""


def one_line(error: BaseException) -> str:
    """The kind of an error and its message on one line: for errors of other people's
    code."""
    kind = type(error).__name__
    words = str(error).split()
    message = " ".join(words)[:300]
    if not message:
        return kind
    return f"{kind}: {message}"


def choices(known: Iterable[object], wrong: str = "") -> str:
    """`choose one of a, b, c`, with a guess at what was meant when a `wrong` name is
    close to one of them."""
    names = sorted(str(name) for name in known)
    advice = f"choose one of {', '.join(names)}"
    for close in difflib.get_close_matches(wrong, names, n=1):
        advice = f"did you mean {close}? {advice}"
    return advice
