"""What `kedro grid` and its like do: start workers, run jobs, report, exit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import inf
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.locks import FOLDER
from oer_pipeline.common.storage import check_places
from oer_pipeline.common.terminal import summary
from oer_pipeline.studies import results
from oer_pipeline.studies.cells import Cells, cells_named, jobs_of
from oer_pipeline.studies.cluster import connected, dashboard
from oer_pipeline.studies.engine import run
from oer_pipeline.studies.grids import Grid
from oer_pipeline.studies.jobs import LOGS, Job, Outcome, Status
from oer_pipeline.studies.progress import duration
from oer_pipeline.studies.report_kinds import KINDS

Report = Callable[[Cells, Mapping[str, Outcome]], str]
"""Makes something of a grid's finished cells; returns what is printed at the end."""
SECONDS_BETWEEN_LINES = 15.0
"""Between two lines of progress on a terminal; elsewhere only beginning and end of a
job are told."""


def run_grid(
    name: str,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    record: bool = False,
    **chosen: Any,
) -> str:
    """Run a grid of the project in the working directory; returns its report.

    Args:
        name: of the grid's file.
        jobs: worker processes of this machine; None: as many as it can take.
        scheduler: Dask's, its address or file; None: this machine.
        record: keep what the cells come to (`studies.results`), as is done anyway where
            the report rewrites a page.
        chosen: as `cells_named` takes it.

    Raises:
        ConfigurationError: as `cells_named`, a report that can't be loaded, or cells to
            record that are not as the grid's file says; before any work.
        DataError: other results are kept of these cells (`results.check`).
        SystemExit: a cell failed; all others that could be run are done by then.
    """
    cells = cells_named(name, **chosen)
    report = report_of(cells.grid)
    if record and not cells.have_metrics:
        raise ConfigurationError(
            f"grid {name}: --record keeps what cells come to through reporting, and"
            f" its stages are {', '.join(cells.grid.stages)}"
        )
    if record and not cells.are_as_told:
        raise ConfigurationError(
            f"grid {name}: --record keeps what cells come to as the grid's file says"
            " them; leave out --params and --env"
        )
    if cells.grid.kind.tests_claims:
        from oer_pipeline.studies.study import check

        check(cells)  # what is wrong is told now, not after the work
    is_kept = record or (cells.page is not None and cells.have_metrics)
    asked: results.Results = []
    if is_kept:
        asked = results.planned(cells)
        results.check(cells, asked)
    say(f"grid {name}, {len(cells.cells)} cells; {cells.cells[0].plan.title}")
    if cells.grid.page is not None and cells.are_whole and cells.page is None:
        say(f"{cells.grid.page} is not there; no page will be rewritten")
    begun = time.monotonic()
    with workers(jobs, scheduler) as client:
        outcomes = run_all(jobs_of(cells), client)
    took = duration(time.monotonic() - begun)
    done = summary(
        f"Done: grid {name}, {len(outcomes)} jobs in {took}",
        [("logs", LOGS), ("data", cells.root)],
    )
    if is_kept:
        results.record(cells, outcomes, asked)
    return f"{report(cells, outcomes)}\n{done}"


def report_of(grid: Grid) -> Report:
    """The report that a grid names.

    Raises:
        ConfigurationError: one that can't be loaded.
    """
    module, _, name = grid.kind.path.partition(":")
    try:
        found: Report = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        known = choices(KINDS, grid.report)
        raise ConfigurationError(
            f"grid {grid.name}: report {grid.report!r} can't be loaded; {known}, or"
            " give package.module:function"
        ) from error
    return found


@contextmanager
def workers(jobs: int | None, scheduler: str | None) -> Iterator[Any]:
    """A Dask client for as long as the block lasts; leaving it stops its jobs.

    Raises:
        ConfigurationError: a scheduler that can't be used.
        StorageError: the project's folder can't be written to.
    """
    check_places([FOLDER / "any.lock", LOGS / "any.log"])
    with connected(scheduler, jobs) as client:
        address = dashboard(client)
        if sys.stdout.isatty() and address:
            say(f"workers and jobs to watch: {address}")
        yield client


def run_all(jobs: Sequence[Job], client: Any) -> dict[str, Outcome]:
    """Run jobs to the end and tell of it.

    Args:
        jobs: in any order; each says what it waits for.
        client: of Dask.

    Raises:
        ConfigurationError: jobs that can't be run in this order.
        SystemExit: a job failed; all others that could be run are done by then.
    """
    every = SECONDS_BETWEEN_LINES if sys.stdout.isatty() else inf
    outcomes = run(
        jobs,
        client,
        say,
        every,
    )
    bad = []
    for outcome in outcomes.values():
        if outcome.status in (Status.FAILED, Status.SKIPPED):
            bad.append(outcome)
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


def say(line: str) -> None:
    """Print at once, with the time."""
    print(time.strftime("%H:%M:%S"), line, flush=True)
