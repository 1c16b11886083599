"""What `kedro grid` and its like do: start workers, run jobs, report, exit."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.studies.cells import Cells, cells_of, jobs_of
from oer_pipeline.studies.cluster import connected
from oer_pipeline.studies.engine import run
from oer_pipeline.studies.grids import Grid, read
from oer_pipeline.studies.jobs import Job, Outcome, Status

Report = Callable[[Cells, Mapping[str, Outcome]], str]
"""Makes something of a grid's finished cells; returns what is printed at the end."""
REPORTS = {
    "comparison": "oer_pipeline.studies.comparison:report",
    "continual_world": "oer_pipeline.studies.continual_world:report",
    "learners": "oer_pipeline.studies.learners:report",
    "selectors": "oer_pipeline.studies.selectors:report",
    "tuning": "oer_pipeline.studies.tuning:report",
}


def run_grid(
    name: str,
    *,
    env: str | None = None,
    params: str = "",
    jobs: int | None = None,
    scheduler: str | None = None,
    suites: Sequence[str] | None = None,
    qualities: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
) -> str:
    """Run a grid of the project in the working directory; returns its report.

    Raises:
        ConfigurationError: an unknown grid or a wrong one, a name that it lacks, a
            report that can't be loaded, whatever `kedro run` would refuse; before any
            work.
        SystemExit: a cell failed; all others that could be run are done by then.
    """
    whole = read(name, Path("conf"), env)
    grid = whole.part(suites=suites, qualities=qualities, methods=methods)
    report = report_of(grid)
    cells = cells_of(grid, params, env)
    say(f"grid {name}, {len(cells.cells)} cells; {cells.cells[0].plan.title}")
    with workers(jobs, scheduler) as client:
        outcomes = run_all(jobs_of(cells), client)
    return report(cells, outcomes)


def report_of(grid: Grid) -> Report:
    """The function that makes a grid's report.

    Raises:
        ConfigurationError: it can't be loaded.
    """
    path = REPORTS.get(grid.report, grid.report)
    module, _, function = path.partition(":")
    try:
        found: Report = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        known = choices(REPORTS, grid.report)
        raise ConfigurationError(
            f"grid {grid.name}: report {grid.report!r} can't be loaded; {known}, or"
            " give package.module:function"
        ) from error
    return found


@contextmanager
def workers(jobs: int | None, scheduler: str | None) -> Iterator[Any]:
    """A Dask client for as long as the block lasts; Ctrl-C and SIGTERM stop its jobs.

    Raises:
        ConfigurationError: a scheduler that can't be used.
    """
    with _ends_on_sigterm(), connected(scheduler, jobs) as client:
        if sys.stdout.isatty():
            say(f"workers and jobs to watch: {client.dashboard_link}")
        yield client


def run_all(jobs: Sequence[Job], client: Any) -> dict[str, Outcome]:
    """Run jobs to the end and tell of it.

    Raises:
        ConfigurationError: jobs that can't be run in this order.
        SystemExit: a job failed; all others that could be run are done by then.
    """
    every = 15.0 if sys.stdout.isatty() else 60.0
    outcomes = run(jobs, client, say, every)
    bad = [o for o in outcomes.values() if o.status in (Status.FAILED, Status.SKIPPED)]
    if bad:
        raise SystemExit(_of_failures(bad))
    return outcomes


def _of_failures(outcomes: Sequence[Outcome]) -> str:
    """Why each job failed or was not run, one after the other."""
    parts = []
    for outcome in outcomes:
        if outcome.status is Status.FAILED:
            parts.append(f"{outcome.name} failed:\n{outcome.reason}\n")
    for outcome in outcomes:
        if outcome.status is Status.SKIPPED:
            parts.append(f"{outcome.name} was not run: {outcome.reason}")
    return "\n".join(parts)


@contextmanager
def _ends_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does: workers and what they run are
    stopped."""

    def end(*_: Any) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def say(line: str) -> None:
    """Print at once, with the time."""
    print(time.strftime("%H:%M:%S"), line, flush=True)
