"""MLflow tracking as Kedro hooks: a run per cell with a child run per seed, logged from
what lies on disk after the run.

A tracking server that is down stops nothing: the run says so, and the same `kedro run`
logs the finished results later.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from oer_pipeline.orchestration import tracking
from oer_pipeline.orchestration.internals import MlflowHook

logger = logging.getLogger(__name__)


class Tracking(MlflowHook):  # type: ignore[misc]
    """kedro-mlflow's set-up (so that `kedro mlflow ui` works), with logging of our
    own."""

    def __init__(self) -> None:
        super().__init__()
        self._run: tracking.CellRun | None = None
        self._started: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context, self._reachable = context, True
        logging.getLogger("kedro_mlflow").setLevel(logging.WARNING)
        try:
            super().after_context_created(context)
        except Exception as error:  # whatever the server's failure looks like
            self._give_up(error)

    @hook_impl
    def before_pipeline_run(
        self,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
    ) -> None:
        self._started, self._seconds, self._run = {}, {}, None
        logger.info("%s", self._context.plan.title)  # type: ignore[attr-defined]
        if not self._reachable:
            return
        try:
            experiment = self.mlflow_config.tracking.experiment.name
            self._run = tracking.start(experiment, self._context.plan, run_params)  # type: ignore[attr-defined]
        except Exception as error:
            self._give_up(error)

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
        if self._run is None:
            return
        try:
            tracking.finish(self._run, status, pipeline, catalog, self._seconds)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._reachable, self._run = False, None
        reason = " ".join(str(error).split())[:200]
        logger.warning(
            "MLflow is out of reach, nothing is tracked; results are on disk, run again"
            " to log them: %s",
            reason,
        )
