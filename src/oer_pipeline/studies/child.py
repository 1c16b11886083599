"""A job in a process of its own that starts warm: a `kedro run`, or another call.

A server process imports Kedro, MLflow and torch once per worker and forks for every
run. So a run costs no imports, can be stopped, gives all its memory back, and takes
nothing with it when it crashes.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import OERError
from oer_pipeline.common.locks import hold
from oer_pipeline.common.stopping import ends_on_signals
from oer_pipeline.common.storage import storage_error
from oer_pipeline.studies.jobs import Job

WARM = (
    "oer_pipeline.settings",  # first: it keeps a warning of MLflow's to itself
    "kedro.framework.cli.project",
    "matplotlib.figure",
    "mlflow",
    "pandas",
    "plotly.graph_objects",
    "pytorch_lightning",
    "torch",
    "oer_pipeline.studies.import_all_code",  # last
)
"""What the server imports."""
PARENT_DIED = 75


def start(job: Job, log: Path) -> BaseProcess:
    """Start a job in the working directory, its output into `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    _allow_children()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(WARM))
    process = context.Process(target=_run, args=(job, log.absolute()))
    process.start()
    return process


def _allow_children() -> None:
    """Dask starts its workers as daemons, which Python forbids to have children.

    The reason is that they would be left behind; ours end with their parent
    (`_follow`).
    """
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]


def _run(job: Job, log: Path) -> None:
    os.environ.pop("KEDRO_ENV", None)  # a grid's jobs run in the grid's environment
    _follow()
    _redirect(log)
    module, _, name = job.call.partition(":")
    try:
        if job.lock:
            hold(Path(job.lock))
        with ends_on_signals():
            getattr(importlib.import_module(module), name)(*job.arguments)
    except OERError as error:
        sys.exit(f"Error: {error}")
    except OSError as error:
        refused = storage_error(error.filename or job.name, error)
        if refused is None:
            raise
        sys.exit(f"Error: {refused}")


def kedro_run(*arguments: str) -> None:
    """`kedro run` with these arguments, in the project of the working directory."""
    from kedro.framework.cli.utils import find_run_command
    from kedro.framework.startup import bootstrap_project

    project = bootstrap_project(Path.cwd())
    command: Any = find_run_command(project.package_name)
    command.main(list(arguments), prog_name="kedro run")


def _follow() -> None:
    """End when the parent does, however it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(PARENT_DIED)

    threading.Thread(target=wait, daemon=True).start()


def _redirect(log: Path) -> None:
    """Standard output and error of this process, C libraries included, go to `log`."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
