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
    """A name that the configuration does not have; `name` is it."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class DataError(OERError, ValueError):
    """A file or table that breaks a rule of the project's formats."""


def one_line(error: BaseException) -> str:
    """The kind of an error and what it says, on one line: for errors of code that is
    not ours."""
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def choices(known: Iterable[object], given: str = "") -> str:
    """`choose one of a, b, c`, with a guess at what was meant when `given` is close to
    one of them."""
    names = sorted(str(k) for k in known)
    close = difflib.get_close_matches(given, names, n=1)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"{guess}choose one of {', '.join(names)}"
