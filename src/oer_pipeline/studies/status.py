"""`kedro status`: what of a grid is finished, running, stale or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from oer_pipeline.orchestration.context import parameters_of
from oer_pipeline.orchestration.freshness import Output, State, outputs_of
from oer_pipeline.studies.cells import Cells, jobs_of
from oer_pipeline.studies.jobs import Job
from oer_pipeline.studies.locks import is_held


class Stand(Enum):
    """Where a job of a grid stands."""

    FINISHED = "finished"
    RUNNING = "running"
    STALE = "stale"
    """Some of its files were made by other code, parameters, libraries or inputs."""
    MISSING = "missing"
    """Some of its files are not there."""


@dataclass(frozen=True)
class JobStatus:
    """A job's stand; `detail` says what is left to do."""

    name: str
    stand: Stand
    detail: str = ""

    @property
    def line(self) -> str:
        """For somebody to read."""
        text = f"{self.stand.value:<10}{self.name}"
        return f"{text}: {self.detail}" if self.detail else text


def status_of(job: Job, env: str | None) -> JobStatus:
    """A job's stand, from its files, their records and its lock.

    Raises:
        ConfigurationError: whatever `kedro run` would refuse.
    """
    if job.lock and is_held(Path(job.lock)):
        return JobStatus(job.name, Stand.RUNNING)
    names = _told(job, "--pipelines=").split(",")
    outputs = outputs_of(names, env, parameters_of(_told(job, "--params=")))
    states = Counter(output.state for output in outputs)
    if states[State.STALE]:
        return JobStatus(job.name, Stand.STALE, _first_stale(outputs))
    there = states[State.FRESH]
    if there < len(outputs):
        detail = f"{there} of {len(outputs)} files" if there else ""
        return JobStatus(job.name, Stand.MISSING, detail)
    return JobStatus(job.name, Stand.FINISHED)


def _told(job: Job, option: str) -> str:
    """What the job's `kedro run` is told by an option."""
    for argument in job.arguments:
        if argument.startswith(option):
            return argument.removeprefix(option)
    return ""


def _first_stale(outputs: Sequence[Output]) -> str:
    stale = [output for output in outputs if output.state is State.STALE]
    nodes = list(dict.fromkeys(output.node for output in stale))
    more = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
    return f"{nodes[0]}{more}"


def statuses(cells: Cells) -> list[JobStatus]:
    """Every job of a grid, in the order in which they are run."""
    return [status_of(job, cells.env) for job in jobs_of(cells)]


def summary(found: Sequence[JobStatus]) -> str:
    """`3 of 7 finished, 1 running, 3 missing`."""
    stands = Counter(status.stand for status in found)
    parts = [f"{stands[Stand.FINISHED]} of {len(found)} finished"]
    for stand in (Stand.RUNNING, Stand.STALE, Stand.MISSING):
        if stands[stand]:
            parts.append(f"{stands[stand]} {stand.value}")
    return ", ".join(parts)
