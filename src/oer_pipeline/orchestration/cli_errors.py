"""How a run ends that fails: in one line where a user can mend it, else as it is."""

from __future__ import annotations

import click

from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.common.storage import storage_error

WRONG_USAGE = 2


class Refused(click.ClickException):
    """What was asked for cannot be: one line, and the exit status of wrong usage."""

    exit_code = WRONG_USAGE


def mendable(error: BaseException) -> OERError | None:
    """The project's own error behind what Kedro made of it, or what the machine
    refused; None where it is neither."""
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, OERError):
            return cause
    for cause in causes:
        if isinstance(cause, OSError):
            refused = storage_error(cause.filename or "the disk", cause)
            if refused is not None:
                return refused
    return None


def as_one_line(error: BaseException) -> BaseException:
    """Under a command line, an error that click shows as a single line; elsewhere the
    error itself."""
    own = mendable(error)
    if own is None:
        return error
    if click.get_current_context(silent=True) is None:
        return own
    kind = Refused if isinstance(own, ConfigurationError) else click.ClickException
    return kind(" ".join(str(own).split()))


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, each once: some are their own cause."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and all(cause is not other for other in found):
        found.append(cause)
        cause = cause.__cause__
    return found
