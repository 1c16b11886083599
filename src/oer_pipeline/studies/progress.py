"""How far a grid is and how long it will take, from what its jobs say of themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from oer_pipeline.studies.jobs import Job, Outcome, Status

GUESS_SECONDS = 600.0
"""The first estimates count as so many seconds of evidence, so that one short job
doesn't upset them."""
NODE = re.compile(r"Node (\d+) of (\d+): ")
UPDATES = re.compile(r": (\d+)/(\d+) updates, ")


class Progress:
    """What is known of a grid's jobs; `hear` takes what workers tell, from any
    thread."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._workers = workers
        self._begun = time.monotonic()
        self._started: dict[str, float] = {}
        self._line: dict[str, str] = {}
        self._node: dict[str, tuple[int, int]] = {}
        self._share: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def hear(self, event: Mapping[str, str]) -> None:
        """A job's newest line of log; `starting` begins it, also when it is tried
        again."""
        job = event["job"]
        line = event["line"]
        if job not in self._jobs:
            return
        if line == "starting":
            self._started[job] = time.monotonic()
            self._share[job] = 0.0
        self._line[job] = line
        self._note_share(job, line)

    def _note_share(self, job: str, line: str) -> None:
        """The share of its nodes that a job is through with; updates count within
        one."""
        node = NODE.search(line)
        updates = UPDATES.search(line)
        if node:
            self._node[job] = (int(node[1]), int(node[2]))
        number, nodes = self._node.get(job, (1, 1))
        within = int(updates[1]) / int(updates[2]) if updates else 0.0
        if node or updates:
            self._share[job] = (number - 1 + within) / nodes

    def ended(self, outcome: Outcome) -> None:
        """A job has ended."""
        self._took[outcome.name] = outcome.seconds

    def first_line(self) -> str:
        workers = f"{self._workers} worker{'s' * (self._workers != 1)}"
        return (
            f"{len(self._jobs)} jobs, {workers}, about {minutes(self.left())}; logs in"
            " logs/"
        )

    def end_line(self, outcome: Outcome) -> str:
        text = f"{outcome.status.value}: {outcome.name}"
        if outcome.status is Status.DONE:
            return f"{text} in {minutes(outcome.seconds)}"
        reason = outcome.reason.splitlines()[-1] if outcome.reason else ""
        return f"{text}; {reason}"

    def lines(self) -> list[str]:
        """A line on the whole, then one per running job."""
        done = len(self._took)
        gone = minutes(time.monotonic() - self._begun)
        head = (
            f"{done} of {len(self._jobs)} done, {gone} gone, about"
            f" {minutes(self.left())} left"
        )
        running = [name for name in self._started if name not in self._took]
        return [head, *(f"  {name}: {self._line[name]}" for name in running)]

    def left(self) -> float:
        """Seconds until all is done.

        A running job is taken to go on as fast as it has gone so far; one that waits to
        take as long as expected, times how much longer than expected others take.
        """
        now = time.monotonic()
        pace = self._pace(now)
        left: dict[str, float] = {}
        for name, job in self._jobs.items():
            if name in self._took:
                continue
            whole = job.expected * pace
            if name not in self._started:
                left[name] = whole
                continue
            elapsed = now - self._started[name]
            share = self._share[name]
            if share > 0.05:
                left[name] = elapsed * (1.0 - share) / share
            else:
                left[name] = max(whole - elapsed, 0.1 * whole)
        return max(self._longest_chain(left), sum(left.values()) / self._workers)

    def _pace(self, now: float) -> float:
        """Seconds per expected second, of finished jobs and of what running ones have
        done."""
        took = GUESS_SECONDS
        expected = GUESS_SECONDS
        for name, seconds in self._took.items():
            took += seconds
            expected += self._jobs[name].expected
        for name, started in self._started.items():
            if name not in self._took and self._share[name] > 0.05:
                took += now - started
                expected += self._share[name] * self._jobs[name].expected
        return took / expected

    def _longest_chain(self, left: Mapping[str, float]) -> float:
        ends: dict[str, float] = {}
        for name, job in self._jobs.items():
            if name in left:
                before = [ends.get(other, 0.0) for other in job.after]
                ends[name] = left[name] + max(before, default=0.0)
        return max(ends.values(), default=0.0)


def minutes(seconds: float) -> str:
    """`3:05 min`, or `2:03 h` from an hour on."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
    return f"{whole // 60}:{whole % 60:02d} min"
