"""What a Dask worker does with a job: run it as a child, follow it, say how it went."""

from __future__ import annotations

import re
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from distributed import get_worker

from oer_pipeline.studies.child import start
from oer_pipeline.studies.jobs import Job, JobError, Outcome, Status

TOPIC = "oer_pipeline jobs"
"""Topic of the events by which a worker tells how a job goes on."""
POLL_SECONDS = 0.25
TELL_SECONDS = 2.0
LINES_SHOWN = 15
FINAL = re.compile(r"^Error: ")
"""How a job says that a name, value or file is wrong: trying again is no use."""


def perform(job: Job) -> Outcome:
    """Run a job to its end.

    Raises:
        JobError: it failed; `reason` is the end of its log.
    """
    worker = get_worker()
    log = job.log
    log.unlink(missing_ok=True)
    started = time.monotonic()
    worker.log_event(TOPIC, {"job": job.name, "line": "starting"})
    process = start(job, log)
    try:
        _wait(process, job, log)
    finally:
        _stop(process)
    seconds = time.monotonic() - started
    lines = _lines(log)
    if process.exitcode == 0:
        return Outcome(job.name, Status.DONE, seconds)
    for line in lines:
        if job.excused is not None and re.search(job.excused, line):
            return Outcome(
                job.name,
                Status.EXCUSED,
                seconds,
                line,
            )
    last = lines[-LINES_SHOWN:]
    if last and FINAL.search(last[-1]):
        return Outcome(
            job.name,
            Status.FAILED,
            seconds,
            last[-1],
        )
    ended = f"it ended with {process.exitcode}"
    raise JobError("\n".join([*last, f"{ended}; its whole log is {log}"]))


def _wait(
    process: BaseProcess,
    job: Job,
    log: Path,
) -> None:
    """Until the process has ended; its newest line goes to whoever listens."""
    worker = get_worker()
    told = time.monotonic()
    latest = ""
    while process.is_alive():
        process.join(POLL_SECONDS)
        if worker.status.name not in ("init", "running", "paused"):
            raise JobError(f"its worker is {worker.status.name}")
        if time.monotonic() - told < TELL_SECONDS:
            continue
        told = time.monotonic()
        line = _newest(log)
        if line != latest:
            latest = line
            worker.log_event(TOPIC, {"job": job.name, "line": line})


def _stop(process: BaseProcess) -> None:
    """End a process that still runs: politely first, so that it may write a
    checkpoint."""
    if not process.is_alive():
        return
    process.terminate()
    process.join(3.0)
    if process.is_alive():
        process.kill()
        process.join()


def _lines(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _newest(log: Path) -> str:
    """The log's last line without its time."""
    lines = _lines(log)[-1:]
    if not lines:
        return "starting"
    return re.sub(r"^\d\d:\d\d:\d\d ", "", lines[0].strip())
