"""`kedro status`: what of a grid is finished, running, stale or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from oer_pipeline.common.locks import is_held
from oer_pipeline.orchestration.freshness import State, outputs_of
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.studies.cells import Cells, jobs_of
from oer_pipeline.studies.jobs import Job


class JobState(Enum):
    """Where a job of a grid stands."""

    FINISHED = "finished"
    RUNNING = "running"
    STALE = "stale"
    """Some of its files were made by other code, parameters, libraries or inputs."""
    MISSING = "missing"
    """Some of its files are not there."""


@dataclass(frozen=True)
class JobStatus:
    """A job's state; `detail` says what is left to do."""

    name: str
    state: JobState
    detail: str = ""

    @property
    def line(self) -> str:
        """For somebody to read."""
        text = f"{self.state.value:<10}{self.name}"
        return f"{text}: {self.detail}" if self.detail else text


def status_of(job: Job, env: str | None) -> JobStatus:
    """A job's state, from its files, their records and its lock.

    Args:
        job: of a grid.
        env: the environment; None for the default.

    Raises:
        ConfigurationError: whatever `kedro run` would refuse.
    """
    if job.lock and is_held(Path(job.lock)):
        return JobStatus(job.name, JobState.RUNNING)
    pipelines = _option_of(job, "--pipelines=")
    parameters = parameters_of(_option_of(job, "--params="))
    outputs = outputs_of(pipelines.split(","), env, parameters)
    stale = []
    fresh = 0
    for output in outputs:
        if output.state is State.STALE:
            stale.append(output.node)
        elif output.state is State.FRESH:
            fresh += 1
    if stale:
        return JobStatus(job.name, JobState.STALE, _some(stale))
    if fresh == len(outputs):
        return JobStatus(job.name, JobState.FINISHED)
    detail = f"{fresh} of {len(outputs)} files" if fresh else ""
    return JobStatus(job.name, JobState.MISSING, detail)


def _option_of(job: Job, option: str) -> str:
    """What the job's `kedro run` is told by an option."""
    for argument in job.arguments:
        if argument.startswith(option):
            return argument.removeprefix(option)
    return ""


def _some(nodes: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    different = list(dict.fromkeys(nodes))
    more = len(different) - 1
    if more:
        return f"{different[0]} and {more} more"
    return different[0]


def statuses(cells: Cells) -> list[JobStatus]:
    """Every job of a grid, in the order in which they are run."""
    found: dict[str, JobStatus] = {}
    for job in jobs_of(cells):
        status = status_of(job, cells.env)
        if _option_of(job, "--pipelines=") == "comparison":
            status = _compared(status, [found[name] for name in job.after])
        found[job.name] = status
    return list(found.values())


def _compared(
    comparison: JobStatus,
    cells: Sequence[JobStatus],
) -> JobStatus:
    """A finished comparison of cells that are not is of what they were before."""
    open_ = [cell.name for cell in cells if cell.state is not JobState.FINISHED]
    if comparison.state is not JobState.FINISHED or not open_:
        return comparison
    return JobStatus(comparison.name, JobState.STALE, f"before {_some(open_)}")


def summary(found: Sequence[JobStatus]) -> str:
    """`3 of 7 finished, 1 running, 3 missing`."""
    states = Counter(status.state for status in found)
    finished = states[JobState.FINISHED]
    parts = [f"{finished} of {len(found)} finished"]
    for state in (JobState.RUNNING, JobState.STALE, JobState.MISSING):
        number = states[state]
        if number:
            parts.append(f"{number} {state.value}")
    return ", ".join(parts)
