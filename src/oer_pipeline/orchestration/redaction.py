"""Credentials of a tracking server, kept out of logs, tags and errors."""

from __future__ import annotations

import logging
import os
import re
import traceback
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

HIDDEN = "***"
USER = re.compile(r"(?<=://)[^\s'\"]+@")
"""`user:password@` of an address; a password may hold a slash that nobody encoded."""
QUERY = re.compile(r"([?&][\w.%-]+=)[^\s&'\"<>)]+")
"""`?token=...` of an address."""
SECRET = re.compile(r"TOKEN(?![A-Z])|PASSW|SECRET|(ACCESS|API)_?KEY|CREDENTIAL")
"""Found in the names of environment variables that hold one."""
SHORTEST = 4
"""Characters from which on a secret is hidden wherever it stands."""
LIBRARIES = ("alembic", "kedro_mlflow", "mlflow", "requests", "sqlalchemy", "urllib3")
"""Libraries whose log lines may name the server."""


def hide(text: str, address: str | None = None) -> str:
    """The text without what gives access to a server.

    Args:
        text: of an error or a log line.
        address: of the server, whose user, password and tokens are hidden too where
            they stand alone.
    """
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = USER.sub(f"{HIDDEN}@", text)
    return QUERY.sub(rf"\g<1>{HIDDEN}", text)


class Hiding(logging.Filter):
    """Log lines of libraries that know the server, without its credentials."""

    def __init__(self, address: str | None) -> None:
        super().__init__()
        self._address = address

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record where it names any; it is always logged."""
        library, _, _ = record.name.partition(".")
        if library not in LIBRARIES:
            return True
        said = record.getMessage()
        if record.exc_info:
            lines = traceback.format_exception(*record.exc_info)
            said = "\n".join([said, *lines])
        hidden = hide(said, self._address)
        if hidden != said:
            record.msg, record.args = hidden, ()
            record.exc_info = record.exc_text = None
        return True


def hide_in_logs(address: str | None) -> None:
    """Let no handler that there is write the server's credentials."""
    hiding = Hiding(address)
    for handler in _handlers():
        for old in list(handler.filters):
            if isinstance(old, Hiding):
                handler.removeFilter(old)
        handler.addFilter(hiding)


def _handlers() -> Iterator[logging.Handler]:
    """Of the root and of every other logger."""
    yield from logging.root.handlers
    known = dict(logging.root.manager.loggerDict)
    for logger in known.values():
        if isinstance(logger, logging.Logger):
            yield from logger.handlers


def _secrets(address: str | None) -> set[str]:
    found = set()
    for name, value in os.environ.items():
        if SECRET.search(name):
            found.add(value)
    for secret in _in_address(address or ""):
        found.add(secret)
        found.add(unquote(secret))
    return {secret for secret in found if len(secret) >= SHORTEST}


def _in_address(address: str) -> list[str]:
    """User, password and tokens."""
    try:
        parts = urlsplit(address)
        named = parse_qsl(parts.query)
    except ValueError:  # no address at all
        return []
    values = [value for _, value in named]
    user, _, password = address.partition("://")[2].rpartition("@")[0].partition(":")
    return [parts.username or "", parts.password or "", user, password, *values]
