"""Run jobs on a Dask client's workers, say how they go on, and report what failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from oer_pipeline.studies.jobs import Job, JobError, Outcome, Status, check
from oer_pipeline.studies.progress import Progress
from oer_pipeline.studies.worker import TOPIC, perform

TRIES = 3
POLL_SECONDS = 0.2
Tell = Callable[[str], None]


def run(jobs: Sequence[Job], client: Any, tell: Tell, every: float = 15.0) -> dict[str, Outcome]:
    """Run every job after those that it waits for; one that fails stops only these.

    A job whose worker dies goes on elsewhere; one that fails is tried `TRIES` times.

    Args:
        jobs: in an order in which each comes after those that it waits for.
        client: of Dask, connected.
        tell: takes a line of progress.
        every: seconds between two reports of what is running.

    Returns:
        Each job's outcome, by name.

    Raises:
        ConfigurationError: jobs that can't be run in this order.
    """
    check(jobs)
    progress = Progress(jobs, len(client.nthreads()))
    client.subscribe_topic(TOPIC, lambda event: progress.hear(event[1]))
    futures = _submitted(jobs, client)
    outcomes: dict[str, Outcome] = {}
    tell(progress.first_line())
    told = time.monotonic()
    try:
        while len(outcomes) < len(jobs):
            for job in jobs:
                if job.name not in outcomes and futures[job.name].done():
                    outcome = _outcome(job, futures[job.name])
                    outcomes[job.name] = outcome
                    progress.ended(outcome)
                    tell(progress.end_line(outcome))
            if time.monotonic() - told > every:
                told = time.monotonic()
                for line in progress.lines():
                    tell(line)
            time.sleep(POLL_SECONDS)
    finally:
        client.unsubscribe_topic(TOPIC)
        client.cancel(list(futures.values()))
    return outcomes


def _submitted(jobs: Sequence[Job], client: Any) -> dict[str, Any]:
    """A future per job; the first of two that could run is the one that comes first."""
    futures: dict[str, Any] = {}
    for number, job in enumerate(jobs):
        before = [futures[name] for name in job.after]
        futures[job.name] = client.submit(
            perform,
            job,
            before,
            key=f"{job.name}-{time.time_ns()}",
            retries=TRIES - 1,
            priority=-number,
            pure=False,
        )
    return futures


def _outcome(job: Job, future: Any) -> Outcome:
    if future.status == "finished":
        found: Outcome = future.result()
        return found
    if future.status == "cancelled":
        return Outcome(job.name, Status.FAILED, reason="the scheduler was lost")
    error = future.exception()
    if isinstance(error, JobError):
        if error.job != job.name:
            return Outcome(job.name, Status.SKIPPED, reason=f"{error.job} failed")
        return Outcome(job.name, Status.FAILED, reason=error.reason)
    return Outcome(job.name, Status.FAILED, reason=" ".join(str(error).split()))
