"""Work that another machine may never answer, with an end to the waiting.

The work is done in a thread, which is left behind where it hangs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.05
BYTES_PER_SECOND = 1e6
"""Slower than that no file is sent."""
SENDING = ("log_artifact", "log_model_artifacts")
"""Methods of MLflow's client whose arguments name a file or a folder."""


class NoAnswerError(Exception):
    """The waiting has come to its end."""


class WatchedClient:
    """A client, and for how long the call under way has been without an answer.

    Args:
        client: anything with methods.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._started: float | None = None
        self._bytes = 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            self._bytes = sum(map(_bytes_of, args)) if name in SENDING else 0
            self._started = time.monotonic()
            try:
                return call(*args, **kwargs)
            finally:
                self._started = None

        return watched

    @property
    def waiting(self) -> float:
        """Seconds of the call under way, but for those that its file may take."""
        started = self._started
        if started is None:
            return 0.0
        return time.monotonic() - started - self._bytes / BYTES_PER_SECOND


def _bytes_of(argument: Any) -> int:
    """Of the file or of all in the folder that an argument names; 0 of any other."""
    path = Path(argument)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def within(
    seconds: float | None,
    work: Callable[[], T],
    client: WatchedClient | None = None,
) -> T:
    """What the work comes to.

    Args:
        seconds: of waiting for all of it; None: without end.
        work: called without arguments.
        client: what the work talks by; the seconds are those of one call then.

    Raises:
        NoAnswerError: the waiting has come to its end.
        Exception: whatever the work raises.
    """
    if seconds is None:
        return work()
    result: dict[str, Any] = {}

    def run() -> None:
        try:
            result["value"] = work()
        except BaseException as error:
            result["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    started = time.monotonic()
    thread.start()
    while thread.is_alive():
        thread.join(POLL_SECONDS)
        waited = time.monotonic() - started if client is None else client.waiting
        if waited > seconds and thread.is_alive():
            raise NoAnswerError(f"no answer within {seconds:.0f} s")
    if "error" in result:
        raise result["error"]
    value: T = result["value"]
    return value
