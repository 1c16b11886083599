"""Kedro's settings for this project."""

import os
from typing import Any

# One thread a process: parallelism is processes (two OpenMP threads on two busy cores
# are many times slower than one).
os.environ.setdefault("OMP_NUM_THREADS", "1")
for _telemetry in (
    "KEDRO_DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
    "MLFLOW_DISABLE_TELEMETRY",
    "DVC_NO_ANALYTICS",
):
    os.environ.setdefault(_telemetry, "true")
# A tracking server that is down must not hold a run up, and nothing here is pickled.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Grids say themselves what their workers do.
os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
# `kedro mlflow ui` on a small machine: one worker, no background jobs.
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
os.environ.setdefault("MLFLOW_WORKERS", "1")

from oer_pipeline.orchestration.config_loader import (  # noqa: E402
    CheckedConfigLoader,
)
from oer_pipeline.orchestration.context import PlanContext  # noqa: E402
from oer_pipeline.orchestration.hooks import Tracking  # noqa: E402
from oer_pipeline.orchestration.run_status import RunStatus  # noqa: E402
from oer_pipeline.orchestration.session import PlanSession  # noqa: E402
from oer_pipeline.orchestration.times import Times  # noqa: E402

SESSION_CLASS = PlanSession
CONTEXT_CLASS = PlanContext
HOOKS = (Tracking(), Times(), RunStatus())
DISABLE_HOOKS_FOR_PLUGINS = (
    "kedro_mlflow",
)  # Tracking is its hook, made to survive a server that is down

CONFIG_LOADER_CLASS = CheckedConfigLoader
CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    "config_patterns": {
        name: [f"{name}*", f"{name}*/**"]
        for name in ("behaviours", "suites", "methods", "mlflow", "tuned")
    },
}
