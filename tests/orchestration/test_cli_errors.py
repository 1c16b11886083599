"""A run that fails ends in one line where a user can mend it."""

from __future__ import annotations

import errno

import click
import pytest
from kedro.io import DatasetError

from oer_pipeline.common.errors import DataError
from oer_pipeline.orchestration.cli_errors import as_one_line, mendable


def caused(error: BaseException, cause: BaseException | None) -> BaseException:
    error.__cause__ = cause
    return error


def test_the_projects_own_error_is_found_behind_others() -> None:
    own = DataError("a.parquet: broken")
    wrapped = caused(DatasetError("failed"), caused(RuntimeError("x"), own))
    assert mendable(wrapped) is own
    assert mendable(caused(DatasetError("failed"), ValueError("a bug"))) is None


def test_what_the_machine_refuses() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "data/a.parquet")
    told = mendable(caused(DatasetError("failed"), full))
    assert str(told) == (
        "data/a.parquet: No space left on device; make room, and give the same command"
        " again: it goes on"
    )
    assert mendable(FileNotFoundError(errno.ENOENT, "no file", "a bug")) is None


@pytest.mark.parametrize("length", [1, 2, 3])
def test_an_exception_that_is_its_own_cause_ends(length: int) -> None:
    """It once looped for ever."""
    circle: list[BaseException] = [RuntimeError(str(n)) for n in range(length)]
    for number, error in enumerate(circle):
        error.__cause__ = circle[(number + 1) % length]
    assert mendable(circle[0]) is None
    assert as_one_line(circle[0]) is circle[0]


def test_one_line_is_clicks_alone() -> None:
    error = DataError("first\nsecond")
    assert as_one_line(error) is error
    with click.Context(click.Command("run")):
        told = as_one_line(error)
    assert isinstance(told, click.ClickException)
    assert told.message == "first second"
