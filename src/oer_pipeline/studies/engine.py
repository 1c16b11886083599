"""Run jobs on a Dask client's workers, say how they go on, and report what failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oer_pipeline.studies.jobs import (
    Job,
    JobError,
    LostError,
    Outcome,
    Status,
    check,
)
from oer_pipeline.studies.progress import Progress
from oer_pipeline.studies.worker import TOPIC, perform

TRIES = 3
POLL_SECONDS = 0.2
SECONDS_TO_COME_BACK = 2.0
"""How long to wait for a scheduler that the client has lost; one that was started anew
knows nothing of our jobs, so that there is no use in waiting for longer."""
Tell = Callable[[str], None]


def run(
    jobs: Sequence[Job],
    client: Any,
    tell: Tell,
    every: float = 15.0,
) -> dict[str, Outcome]:
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
        LostError: the scheduler has gone.
    """
    check(jobs)
    progress = Progress(jobs, len(client.nthreads()))
    client.subscribe_topic(TOPIC, lambda event: progress.hear(event[1]))
    futures: dict[str, Any] = {}
    outcomes: dict[str, Outcome] = {}
    tell(progress.first_line())
    told = time.monotonic()
    try:
        while len(outcomes) < len(jobs):
            _check_connected(client)
            for outcome in _ended(jobs, futures, outcomes):
                outcomes[outcome.name] = outcome
                progress.ended(outcome)
                tell(progress.end_line(outcome))
            _submit(
                jobs,
                client,
                futures,
                outcomes,
            )
            if time.monotonic() - told > every:
                told = time.monotonic()
                for line in progress.lines():
                    tell(line)
            time.sleep(POLL_SECONDS)
    finally:
        if client.status == "running":
            client.unsubscribe_topic(TOPIC)
            client.cancel(list(futures.values()))
    return outcomes


def _check_connected(client: Any) -> None:
    """Wait a moment for a scheduler that doesn't answer.

    Raises:
        LostError: it doesn't come back.
    """
    end = time.monotonic() + SECONDS_TO_COME_BACK
    while client.status != "running":
        if time.monotonic() > end:
            address = client.scheduler.address
            raise LostError(
                f"the scheduler at {address} was lost; its workers end their jobs. Give"
                " the same command with a scheduler that runs: it goes on"
            )
        time.sleep(POLL_SECONDS)


def _ended(
    jobs: Sequence[Job],
    futures: Mapping[str, Any],
    outcomes: Mapping[str, Outcome],
) -> list[Outcome]:
    """Outcomes of jobs that have ended since, those that can't be run any more
    included."""
    found = []
    for job in jobs:
        if job.name in outcomes:
            continue
        if job.name in futures:
            if futures[job.name].done():
                found.append(_outcome(job, futures[job.name]))
            continue
        reason = _stopped_by(job, outcomes)
        if reason:
            found.append(Outcome(job.name, Status.SKIPPED, reason=reason))
    return found


def _stopped_by(job: Job, outcomes: Mapping[str, Outcome]) -> str:
    """Why a job can't be run any more; empty if it can."""
    for name in job.after:
        before = outcomes.get(name)
        if before is not None and before.status is Status.FAILED:
            return f"{name} failed"
        if before is not None and before.status is Status.SKIPPED:
            return before.reason
    return ""


def _submit(
    jobs: Sequence[Job],
    client: Any,
    futures: dict[str, Any],
    outcomes: Mapping[str, Outcome],
) -> None:
    """Hand the first jobs that can be run to workers that have none.

    Not more: Dask would bind a job that waits to a worker at once, and keep it waiting
    there while another one is idle.
    """
    running = [name for name in futures if name not in outcomes]
    waiting = [job for job in jobs if _can_run(job, futures, outcomes)]
    if not waiting:
        return
    free = len(client.nthreads()) - len(running)
    for job in waiting[: max(0, free)]:
        key = f"{job.name}-{time.time_ns()}"
        futures[job.name] = client.submit(
            perform,
            job,
            key=key,
            retries=TRIES - 1,
            pure=False,
        )


def _can_run(
    job: Job,
    futures: Mapping[str, Any],
    outcomes: Mapping[str, Outcome],
) -> bool:
    """Whether nothing is left to wait for, and the job has not been handed out."""
    if job.name in futures or job.name in outcomes or _stopped_by(job, outcomes):
        return False
    return all(name in outcomes for name in job.after)


def _outcome(job: Job, future: Any) -> Outcome:
    if future.status == "finished":
        found: Outcome = future.result()
        return found
    if future.status == "cancelled":
        return Outcome(job.name, Status.FAILED, reason="the scheduler was lost")
    error = future.exception()
    if isinstance(error, JobError):
        return Outcome(job.name, Status.FAILED, reason=error.reason)
    return Outcome(job.name, Status.FAILED, reason=" ".join(str(error).split()))
