"""The Kedro session: runs through the FreshRunner, and ends in one clear line when a
name or value is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from oer_pipeline.common.errors import ConfigurationError, OERError, choices
from oer_pipeline.common.stopping import ends_on_signals
from oer_pipeline.orchestration.context import PlanContext
from oer_pipeline.orchestration.internals import project_of
from oer_pipeline.orchestration.runner import FreshRunner
from oer_pipeline.pipeline_registry import PIPELINES, STAGES


class PlanSession(KedroSession):
    """A session of this project; `kedro run` uses it through `SESSION_CLASS`."""

    _runner: Any = None
    _pipelines: Mapping[str, Pipeline] = {}

    def load_context(self) -> KedroContext:
        try:
            context = super().load_context()
        except OERError as error:
            raise _as_one_line(error) from error
        if isinstance(context, PlanContext):
            self._pipelines = context.pipelines
        if isinstance(self._runner, FreshRunner):
            self._runner.project = project_of(self)
            self._runner.stages = stages_by_output(self._pipelines)
        return context

    def run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As Kedro's; the default runner keeps what is up to date (see FreshRunner)."""
        runner = kwargs.get("runner")
        if runner is None or type(runner) is SequentialRunner:
            asked = self.store.get("runtime_params") or {}
            runner = FreshRunner(force=bool(asked.get("force", False)))
        self._runner = kwargs["runner"] = runner
        try:
            with _stoppable():
                _check_pipelines(kwargs.get("pipeline_names") or [])
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
            wrong = _unknown_selection(kwargs, self._pipelines)
            said = ConfigurationError(" ".join(str(error).split()))
            raise _as_one_line(wrong or said) from error


def _stoppable() -> AbstractContextManager[None]:
    """Under a command line, Ctrl-C and SIGTERM end it; elsewhere they are the
    caller's."""
    if click.get_current_context(silent=True):
        return ends_on_signals()
    return nullcontext()


def stages_by_output(pipelines: Mapping[str, Pipeline]) -> dict[str, str]:
    """Output -> the first pipeline that makes it."""
    found: dict[str, str] = {}
    for stage, pipeline in pipelines.items():
        for output in pipeline.all_outputs():
            found.setdefault(output, stage)
    return found


def _check_pipelines(names: list[str]) -> None:
    for name in names:
        if name not in PIPELINES:
            raise ConfigurationError(
                f"unknown pipeline {name!r}; {choices(PIPELINES, name)}"
            )


def _unknown_selection(
    chosen: dict[str, Any], pipelines: Mapping[str, Pipeline]
) -> ConfigurationError | None:
    """The first tag or node that the command line asks for and the pipelines lack."""
    tags: set[str] = set()
    names: set[str] = set()
    for stage in (*STAGES, "comparison"):
        for node in pipelines[stage].nodes if stage in pipelines else ():
            tags |= node.tags
            names.add(node.name)
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
