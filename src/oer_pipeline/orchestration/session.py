"""The Kedro session: runs through the FreshRunner, and ends in one clear line when a
name or value is wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any, NoReturn

import click
from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.io import DatasetError
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from oer_pipeline.common.errors import ConfigurationError, OERError, choices
from oer_pipeline.common.locks import FOLDER, alone, holding, path_of
from oer_pipeline.common.stopping import ends_on_signals
from oer_pipeline.common.storage import check_places
from oer_pipeline.orchestration import lock_names
from oer_pipeline.orchestration.cli_errors import as_one_line, mendable
from oer_pipeline.orchestration.configuration import data_root
from oer_pipeline.orchestration.context import PlanContext
from oer_pipeline.orchestration.hooks import end_interrupted
from oer_pipeline.orchestration.internals import project_of
from oer_pipeline.orchestration.lock_names import LockName
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.run_summary import run_summary
from oer_pipeline.orchestration.runner import FreshRunner
from oer_pipeline.pipeline_registry import PIPELINES

logger = logging.getLogger(__name__)

LIGHTNINGS_SIGNALS = "pytorch_lightning.trainer.connectors.signal_connector"


class PlanSession(KedroSession):
    """A session of this project; `kedro run` uses it through `SESSION_CLASS`."""

    _runner: Any = None
    _pipelines: Mapping[str, Pipeline] = {}
    _plan: Plan | None = None
    _asked: Sequence[str] = ()
    _held: ExitStack

    def load_context(self) -> KedroContext:
        try:
            if self._runner is not None:
                check_places([project_of(self) / FOLDER / "any.lock"])
            context = super().load_context()
        except OERError as error:
            _raise(error)
        if isinstance(context, PlanContext):
            self._pipelines = context.pipelines
            self._plan = context.plan
            if self._runner is not None:
                _check_transfer(context.plan, self._asked)
                self._wait_for_others(context)
        if isinstance(self._runner, FreshRunner):
            self._runner.project = project_of(self)
            self._runner.pipelines = self._pipelines
            self._runner.stages = stages_by_output(self._pipelines)
            if self._plan is not None and self._plan.asked["force"]:
                self._runner.force = True
        return context

    def _wait_for_others(self, context: PlanContext) -> None:
        """Until no other run makes what this one is about to make."""
        project = project_of(self)
        root = data_root(context.env)
        for parts in lock_names_of(self._asked, context.plan):
            name = "/".join((root, *parts))
            self._held.enter_context(holding(project / path_of(name)))
            other = project / path_of(f"{name} alone")
            self._held.enter_context(alone(other, partial(_tell, name)))

    def run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As Kedro's; the default runner keeps what is up to date (see FreshRunner)."""
        runner = kwargs.get("runner")
        if runner is None or type(runner) is SequentialRunner:
            runner = FreshRunner()
        self._runner = kwargs["runner"] = runner
        self._asked = kwargs.get("pipeline_names") or []
        try:
            with _stoppable(), ExitStack() as self._held:
                _check_pipelines(self._asked)
                result = super().run(*args, **kwargs)
                self._say_what_was_done()
                return result
        except (OERError, OSError) as error:
            _raise(error)
        except DatasetError as error:
            # Kedro wraps what an unreadable file and a full disk raise; before a run
            # has started, it is the catalog that is wrong.
            if mendable(error) is None and not getattr(runner, "started", True):
                said = ConfigurationError(f"catalog: {' '.join(str(error).split())}")
                raise as_one_line(said) from error
            _raise(error)
        except ValueError as error:
            # Tags, nodes and namespaces that do not exist; later errors keep their
            # traceback.
            if getattr(runner, "started", True):
                raise
            wrong = _unknown_selection(kwargs, self._pipelines)
            said = ConfigurationError(" ".join(str(error).split()))
            raise as_one_line(wrong or said) from error
        except (KeyboardInterrupt, SystemExit):
            end_interrupted()
            raise

    def _say_what_was_done(self) -> None:
        """The summary of a command line's run; a program has the files."""
        runner = self._runner
        if self._plan is None or not isinstance(runner, FreshRunner):
            return
        if click.get_current_context(silent=True):
            click.echo(run_summary(self._plan, runner))


def _raise(error: Exception) -> NoReturn:
    """In one line, where that can be; an error is never its own cause."""
    shown = as_one_line(error)
    if shown is error:
        raise error
    raise shown from error


def _stoppable() -> AbstractContextManager[None]:
    """Under a command line, Ctrl-C and SIGTERM end it; elsewhere they are the
    caller's."""
    if click.get_current_context(silent=True):
        # Lightning would say a second time that it was stopped.
        logging.getLogger(LIGHTNINGS_SIGNALS).setLevel(logging.WARNING)
        return ends_on_signals()
    return nullcontext()


def _tell(name: str, holder: str) -> None:
    logger.warning("%s is being made by %s; waiting for it to end", name, holder)


def lock_names_of(pipelines: Sequence[str], plan: Plan) -> list[LockName]:
    """Names of the locks of what a run of these pipelines makes: its cell, and what is
    shared where that alone is asked for."""
    shared = {
        "collection": lock_names.raw_data(plan),
        "ingestion": lock_names.data_sets(plan),
        "dynamics": lock_names.models(plan),
        "comparison": lock_names.comparison(plan, plan.compared_cells),
    }
    cell = lock_names.cell(plan)
    found = {shared.get(name, cell) for name in pipelines or ["__default__"]}
    return sorted(found)


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


def _check_transfer(plan: Plan, names: Sequence[str]) -> None:
    """Refuse further tasks for a whole run: it has no policy stored yet to act on them,
    and its report wants the evaluation of its own tasks."""
    is_whole = not names or "__default__" in names
    if plan.transfer_evaluation is not None and is_whole:
        raise ConfigurationError(
            "transfer_evaluation.tasks is given for a whole run; it is for a finished"
            " cell's policies: add --pipelines=evaluation"
        )


def _unknown_selection(
    chosen: dict[str, Any], pipelines: Mapping[str, Pipeline]
) -> ConfigurationError | None:
    """The first tag or node that the command line asks for and the pipelines lack."""
    tags: set[str] = set()
    names: set[str] = set()
    for pipeline in pipelines.values():
        for node in pipeline.nodes:
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
