"""The Kedro session: runs through the FreshRunner, and ends in one clear line when a
name or value is wrong."""

from __future__ import annotations

from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.io.core import DatasetError
from kedro.runner import SequentialRunner

from oer_pipeline.common.errors import ConfigurationError, OERError, choices
from oer_pipeline.orchestration.runner import FreshRunner


class PlanSession(KedroSession):
    """A session of this project; `kedro run` uses it through `SESSION_CLASS`."""

    def load_context(self) -> KedroContext:
        try:
            return super().load_context()
        except OERError as error:
            raise _as_one_line(error) from error

    def run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As Kedro's; the default runner keeps what is up to date (see FreshRunner)."""
        runner = kwargs.get("runner")
        if runner is None or type(runner) is SequentialRunner:
            runner = FreshRunner(
                force=bool((self.store.get("runtime_params") or {}).get("force", False))
            )
        kwargs["runner"] = runner
        try:
            self._check_pipelines(kwargs.get("pipeline_names") or [])
            return super().run(*args, **kwargs)
        except OERError as error:
            raise _as_one_line(error) from error
        except DatasetError as error:  # Kedro's wrapping of an unreadable file
            raise _as_one_line(_cause(error)) from error
        except ValueError as error:
            # Tags, nodes and namespaces that do not exist; later errors keep their
            # traceback.
            if getattr(runner, "started", True):
                raise
            raise _as_one_line(
                _unknown_selection(kwargs)
                or ConfigurationError(" ".join(str(error).split()))
            ) from error

    def _check_pipelines(self, names: list[str]) -> None:
        from oer_pipeline.pipeline_registry import PIPELINES

        for name in names:
            if name not in PIPELINES:
                raise ConfigurationError(
                    f"unknown pipeline {name!r}; {choices(PIPELINES, name)}"
                )


def _unknown_selection(chosen: dict[str, Any]) -> ConfigurationError | None:
    """The first tag or node that the command line asks for and the pipelines lack."""
    from kedro.framework.project import pipelines

    nodes = (
        pipelines["__default__"].nodes
        + pipelines["comparison"].nodes
        + pipelines["dynamics"].nodes
    )
    tags, names = (
        {tag for node in nodes for tag in node.tags},
        {node.name for node in nodes},
    )
    known = {"tags": tags, "node_names": names, "from_nodes": names, "to_nodes": names}
    for option, available in known.items():
        for name in chosen.get(option) or ():
            if name not in available:
                return ConfigurationError(
                    f"unknown name {name!r} in {option}; {choices(available, name)}"
                )
    return None


def _cause(error: BaseException) -> BaseException:
    """The project's own error that Kedro wrapped, if there is one."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OERError):
        cause = cause.__cause__
    return cause or error


def _as_one_line(error: BaseException) -> BaseException:
    """Under a command line, an error that click shows as a single line; elsewhere the
    error itself."""
    own = isinstance(error, OERError) and click.get_current_context(silent=True)
    return click.ClickException(str(error)) if own else error
