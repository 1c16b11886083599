"""`kedro run --params`, read as Kedro reads it; what it stumbles over is one line.

Tests in tests/orchestration/test_internals.py fail when a version changes it.
"""

from __future__ import annotations

from typing import Any

import click
from kedro.framework.cli.project import run
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration.cli_errors import Refused

UNREADABLE = (YAMLError, OmegaConfBaseException, ValueError, TypeError, RecursionError)
"""What Kedro's reading raises for text that is none."""
SHOWN = 60
"""Characters of the text that an error shows."""


def parameters_of(text: str) -> dict[str, Any]:
    """Parameters as `kedro run --params` reads them.

    Args:
        text: `a=1,b.c=x`.

    Raises:
        ConfigurationError: no names with values.
    """
    [option] = [parameter for parameter in run.params if parameter.name == "params"]
    try:
        return dict(option.process_value(click.Context(run), text))
    except click.ClickException as error:
        said = " ".join(error.message.split())
        raise ConfigurationError(said) from error
    except UNREADABLE as error:
        raise ConfigurationError(_of_parameters(text, error)) from error


def guard_parameters() -> None:
    """Let `kedro run --params` end in one line where Kedro's reading of it fails."""
    [option] = [parameter for parameter in run.params if parameter.name == "params"]
    read = option.callback
    assert read is not None

    def guarded(context: click.Context, parameter: click.Parameter, text: Any) -> Any:
        try:
            return read(context, parameter, text)
        except UNREADABLE as error:
            raise Refused(_of_parameters(text, error)) from error

    option.callback = guarded


def _of_parameters(text: str, error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return f"--params={shown!r} is not readable: {lines[0]}; it takes name=value,..."
