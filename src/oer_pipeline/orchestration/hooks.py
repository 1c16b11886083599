"""MLflow tracking as Kedro hooks: a run per cell with a child run per seed, logged from
what lies on disk after the run.

A tracking server that is down, or never answers, stops nothing: the run says so, and
the same `kedro run` logs the finished results later.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.locks import FOLDER, alone
from oer_pipeline.common.storage import check_file
from oer_pipeline.orchestration import tracking
from oer_pipeline.orchestration.cell_run import CellRun
from oer_pipeline.orchestration.fingerprints import accelerator_in_force
from oer_pipeline.orchestration.internals import MlflowHook
from oer_pipeline.orchestration.redaction import hide, hide_in_logs
from oer_pipeline.orchestration.timeouts import within

logger = logging.getLogger(__name__)
T = TypeVar("T")

SECONDS_TO_ANSWER = 10.0
"""For all answers of a server before the nodes start, and for each one after them."""
SECONDS_OF_INTERRUPTED = 2.0
TRIES = 3
"""How often is tried what another process can do at the same moment, such as making the
experiment."""
RACES = ("already exist", "already_exist", "locked", "unique constraint")
"""Words of a failure which say that another process did the same at that moment."""
ADDRESS = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"
LOCAL = ("sqlite:", "file:")

_at_work: list[Tracking] = []


def end_interrupted() -> None:
    """End the MLflow runs of this process, which is told to end, as killed."""
    for each in list(_at_work):
        each.interrupt()


class Tracking(MlflowHook):  # type: ignore[misc]
    """kedro-mlflow's set-up (so that `kedro mlflow ui` works), with logging of our
    own."""

    def __init__(self) -> None:
        super().__init__()
        self._context: Any = None
        """Kedro's, of the newest project that it has read."""
        self._reachable = True
        self._run: CellRun | None = None
        self._started: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._address: str | None = None
        self._left: float | None = SECONDS_TO_ANSWER

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context, self._reachable = context, True
        logging.getLogger("kedro_mlflow").setLevel(logging.WARNING)
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # one line is enough
        self._read_address(context)
        hide_in_logs(self._address)
        is_local = self._address is None or self._address.startswith(LOCAL)
        self._left = None if is_local else SECONDS_TO_ANSWER
        set_up = partial(super().after_context_created, context)
        lock = context.project_path / FOLDER / "tracking.lock"
        one_by_one: AbstractContextManager[None] = nullcontext()
        if is_local:
            one_by_one = alone(lock, lambda _: None)
        before = os.environ.get(ADDRESS)
        try:
            if self._address is not None and self._address.startswith(SQLITE):
                check_file(Path(self._address.removeprefix(SQLITE)))
            with one_by_one:
                self._asked(partial(_retried, set_up))
        except Exception as error:  # whatever the server's failure looks like
            self._give_up(error)
        finally:
            # MLflow leaves its own there, which the next project would take for the
            # user's.
            os.environ.pop(ADDRESS, None)
            if before is not None:
                os.environ[ADDRESS] = before

    def _read_address(self, context: KedroContext) -> None:
        """Where runs are tracked; the environment's wins over the files'.

        Raises:
            ConfigurationError: mlflow.yml cannot be read.
        """
        loader: Any = context.config_loader
        try:
            config = dict(loader["mlflow"])
        except MissingConfigException:
            config = {}
        server = config.get("server") or {}
        experiment = config.get("tracking") or {}
        if not isinstance(server, dict) or not isinstance(experiment, dict):
            raise ConfigurationError("mlflow.yml: server and tracking are groups")
        self._address = server.get("mlflow_tracking_uri")
        given = os.environ.get(ADDRESS)
        if given:
            self._address = given
            config["server"] = {**server, "mlflow_tracking_uri": given}
            if not given.startswith(LOCAL):  # the server knows where its files lie
                named = experiment.get("experiment") or {}
                named = {**named, "create_experiment_kwargs": {}}
                config["tracking"] = {**experiment, "experiment": named}
            logger.info("tracked at %s, as %s says", hide(given, given), ADDRESS)
        loader["mlflow"] = config

    @hook_impl
    def before_pipeline_run(
        self,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
    ) -> None:
        self._started, self._seconds, self._run = {}, {}, None
        context = self._context
        logger.info("%s", context.plan.title)
        if not self._reachable:
            return
        asked = context.plan.asked["accelerator"]
        # before the server's seconds begin: for this torch may have to be imported
        accelerator = accelerator_in_force(asked)
        name = self.mlflow_config.tracking.experiment.name
        source = str(context.config_loader.conf_source)
        start = partial(
            tracking.start,
            name,
            context.plan,
            {**run_params, "conf_source": source},
            context.project_path,
            accelerator,
        )
        try:
            self._run = self._asked(start)
        except Exception as error:
            self._give_up(error)
        else:
            self._run.machine.start()
            _at_work.append(self)

    def _asked(self, work: Callable[[], T]) -> T:
        """What the server answers, within what is left of the seconds."""
        started = time.monotonic()
        try:
            return within(self._left, work)
        finally:
            if self._left is not None:
                self._left = max(0.0, self._left - (time.monotonic() - started))

    @hook_impl
    def before_node_run(
        self,
        node: Node,
        catalog: CatalogProtocol[Any, Any],
        inputs: dict[str, Any],
        is_async: bool,
    ) -> None:
        self._started[node.name] = time.monotonic()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        self._seconds[node.name] = time.monotonic() - self._started[node.name]

    @hook_impl
    def after_pipeline_run(
        self,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
    ) -> None:
        logger.info(
            "%.1f s in %d nodes", sum(self._seconds.values()), len(self._seconds)
        )
        self._finish("FINISHED", pipeline, catalog)

    @hook_impl
    def on_pipeline_error(
        self,
        error: Exception,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
    ) -> None:
        self._finish("FAILED", pipeline, catalog)

    def _finish(
        self, status: str, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        run = self._run
        if run is None:
            return
        seconds = None if self._left is None else SECONDS_TO_ANSWER
        finish = partial(tracking.finish, run, status, pipeline, catalog, self._seconds)
        try:
            within(seconds, finish, run.client)
        except Exception as error:
            self._give_up(error)
        self._end(run)

    def interrupt(self) -> None:
        """End the run as killed, soon: the process is about to end."""
        run = self._run
        if run is None:
            return
        with suppress(Exception):  # the next run of the project closes it
            within(SECONDS_OF_INTERRUPTED, partial(tracking.interrupt, run))
        self._end(run)

    def _end(self, run: CellRun) -> None:
        run.machine.end()
        run.lock.end()
        self._run = None
        if self in _at_work:
            _at_work.remove(self)

    def _give_up(self, error: Exception) -> None:
        self._reachable = False
        reason = hide(" ".join(str(error).split()), self._address)[:200]
        logger.warning(
            "MLflow is out of reach, nothing is tracked; results are on disk, run again"
            " to log them: %s",
            reason,
        )


def _retried(work: Callable[[], T]) -> T:
    """The work, up to TRIES times where another process did the same at that moment."""
    for number in range(1, TRIES + 1):
        try:
            return work()
        except Exception as error:
            said = str(error).lower()
            if number == TRIES or not any(word in said for word in RACES):
                raise
            time.sleep(0.3 * number)
    raise AssertionError("there is a last try")
