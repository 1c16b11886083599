"""What a grid is made of: jobs, most of them a `kedro run`, and what becomes of
them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from oer_pipeline.common.errors import ConfigurationError, OERError

LOGS = Path("logs")
"""A folder per grid, in it a file per job, `NAME.log`."""
KEDRO_RUN = "oer_pipeline.studies.child:kedro_run"


@dataclass(frozen=True)
class Job:
    """One `kedro run`, or a call of another function, in a process of its own.

    Attributes:
        name: also its log's name.
        arguments: what follows `kedro run`, or what the function is called with.
        after: names of the jobs that have to be done before.
        expected: seconds on one quiet core, roughly; it orders jobs, and is the first
            guess at the time that is left.
        excused: a pattern; a failure with a line that it matches ends the job, and is
            neither tried again nor a failure of the grid.
        call: the function, `package.module:name`.
        lock: a file that the process holds for as long as it lives (`common.locks`);
            empty: none.
        folder: of its log below `LOGS`, the grid's: jobs of two grids may have one
            name.
    """

    name: str
    arguments: tuple[str, ...]
    after: tuple[str, ...] = ()
    expected: float = 60.0
    excused: str | None = None
    call: str = KEDRO_RUN
    lock: str = ""
    folder: str = ""

    @property
    def log(self) -> Path:
        """What it prints."""
        return LOGS / self.folder / f"{self.name}.log"


class Status(Enum):
    """How a job ended."""

    DONE = "done"
    EXCUSED = "gave up"
    FAILED = "failed"
    SKIPPED = "not run"


@dataclass(frozen=True)
class Outcome:
    """How a job ended, after so many seconds; `reason` is empty for one that is
    done."""

    name: str
    status: Status
    seconds: float = 0.0
    reason: str = ""


class JobError(OERError):
    """A job failed; what a worker raises, so that Dask tries it again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LostError(OERError):
    """The scheduler has gone while jobs were at work."""


def check(jobs: Sequence[Job]) -> None:
    """Refuse jobs that can't be run in the order given.

    Raises:
        ConfigurationError: no job, two of the same name, or one that waits for a job
            that does not come before it.
    """
    if not jobs:
        raise ConfigurationError("there is nothing to run: no job")
    known: set[str] = set()
    for job in jobs:
        if job.name in known:
            raise ConfigurationError(
                f"two jobs are called {job.name!r}; give each a name of its own"
            )
        for other in job.after:
            if other not in known:
                raise ConfigurationError(
                    f"job {job.name!r} waits for {other!r}, which does not come"
                    " before it"
                )
        known.add(job.name)
