"""How far a grid is and how long it will take, from what its jobs say of themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oer_pipeline.studies.jobs import Job, Outcome, Status

GUESS_SECONDS = 600.0
"""The first estimates count as so many seconds of evidence, so that one short job
doesn't upset them."""
HALF_LIFE = 1800.0
"""Seconds after which what an ended job took counts half: a machine gets busier."""
LEAST_SHARE = 0.05
"""Of a job; before it is through with so much, its own rate is no evidence."""
LEAST_WINDOW = 30.0
"""Seconds that a job's rate is taken over, at least."""
WINDOW = 1.0 / 3.0
"""The same as a part of the job's time so far: long enough for steps of unequal length,
short enough to notice that the machine has got slower."""
NODE = re.compile(r"Node (\d+) of (\d+): ")
UPDATES = re.compile(r": (\d+)/(\d+) updates, ")
OWN_ESTIMATE = re.compile(r", [^,]* left$")
"""The end of a training's line: it speaks of this training alone, ours of the job."""


@dataclass
class Running:
    """A job at work: how much of it is done, and when that was heard."""

    line: str
    started: float
    node: int = 1
    nodes: int = 1
    share: float = 0.0
    heard: list[tuple[float, float]] = field(default_factory=list)
    """Times, and the share of the job that was done by then. The first is that of the
    first node: nodes before it were kept and took no time."""

    def hear(self, line: str, now: float) -> None:
        """The log's newest line; a node is a share of the job, updates one of a
        node."""
        self.line = line
        node = NODE.search(line)
        updates = UPDATES.search(line)
        if node:
            self.node = int(node[1])
            self.nodes = int(node[2])
        within = 0.0
        if updates:
            within = int(updates[1]) / int(updates[2])
        if node or updates:
            self.share = (self.node - 1 + within) / self.nodes
            self.heard.append((now, self.share))

    def recent(self, now: float) -> tuple[float, float]:
        """Seconds until now, and the share of the job that was done in them.

        They are the last `WINDOW` of the job's time, or reach back to before the last
        news. Time that passes without news counts, so that a job that stands still
        gets slower and slower.
        """
        if not self.heard:
            return now - self.started, 0.0
        since, share = self.heard[0]
        window = max(LEAST_WINDOW, WINDOW * (now - since))
        for time_heard, share_then in self.heard:
            if time_heard <= now - window and share_then < self.share:
                since = time_heard
                share = share_then
        return now - since, self.share - share

    def left(self, now: float, expected: float) -> float:
        """Seconds until it is done, at its recent rate; `expected` is how long such a
        job takes as a whole, for one that has hardly begun."""
        seconds, done = self.recent(now)
        if min(seconds, done) > 0.0 and self.share > LEAST_SHARE:
            return seconds * (1.0 - self.share) / done
        elapsed = now - self.started
        return max(expected - elapsed, 0.1 * max(expected, elapsed))


class Progress:
    """What is known of a grid's jobs; `hear` takes what workers tell, from any
    thread."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._workers = workers
        self._begun = time.monotonic()
        self._running: dict[str, Running] = {}
        self._ended: dict[str, tuple[float, float]] = {}
        """When each job ended, and how long it took."""

    def hear(self, event: Mapping[str, str]) -> None:
        """A job's newest line of log; `starting` begins it, also when it is tried
        again."""
        name = event["job"]
        line = event["line"]
        now = time.monotonic()
        if name not in self._jobs or name in self._ended:
            return
        if line == "starting" or name not in self._running:
            self._running[name] = Running(line, now)
        self._running[name].hear(line, now)

    def ended(self, outcome: Outcome) -> None:
        """A job has ended."""
        self._running.pop(outcome.name, None)
        self._ended[outcome.name] = (time.monotonic(), outcome.seconds)

    def first_line(self) -> str:
        """What is about to be done."""
        workers = f"{self._workers} worker{'s' * (self._workers != 1)}"
        return (
            f"{len(self._jobs)} jobs, {workers}, about {minutes(self.left())}; logs in"
            " logs/"
        )

    def end_line(self, outcome: Outcome) -> str:
        """How a job ended."""
        text = f"{outcome.status.value}: {outcome.name}"
        if outcome.status is Status.DONE:
            return f"{text} in {minutes(outcome.seconds)}"
        reason = outcome.reason.splitlines()[-1] if outcome.reason else ""
        return f"{text}; {reason}"

    def lines(self) -> list[str]:
        """A line on the whole, then one per running job."""
        now = time.monotonic()
        done = f"{len(self._ended)} of {len(self._jobs)} done"
        gone = minutes(now - self._begun)
        lines = [f"{done}, {gone} gone, about {minutes(self.left())} left"]
        pace = self._pace(now)
        for name, job in list(self._running.items()):
            left = minutes(job.left(now, pace * self._jobs[name].expected))
            said = OWN_ESTIMATE.sub("", job.line)
            lines.append(f"  {name}: {job.share:.0%}, about {left} left; {said}")
        return lines

    def left(self) -> float:
        """Seconds until all is done.

        A running job is taken to go on as fast as it has gone lately; one that waits
        to take as long as expected, times how much longer than expected others take.
        """
        now = time.monotonic()
        pace = self._pace(now)
        left: dict[str, float] = {}
        for name, job in self._jobs.items():
            expected = job.expected * pace
            if name in self._running:
                left[name] = self._running[name].left(now, expected)
            elif name not in self._ended:
                left[name] = expected
        return max(self._longest_chain(left), sum(left.values()) / self._workers)

    def _pace(self, now: float) -> float:
        """Seconds per expected second, of ended jobs and of what running ones have
        done lately."""
        took = GUESS_SECONDS
        expected = GUESS_SECONDS
        for name, (ended, seconds) in self._ended.items():
            weight = 0.5 ** ((now - ended) / HALF_LIFE)
            took += weight * seconds
            expected += weight * self._jobs[name].expected
        for name, job in list(self._running.items()):
            seconds, done = job.recent(now)
            if done > LEAST_SHARE:
                took += seconds
                expected += done * self._jobs[name].expected
        return took / expected

    def _longest_chain(self, left: Mapping[str, float]) -> float:
        ends: dict[str, float] = {}
        for name, job in self._jobs.items():
            if name not in left:
                continue
            before = [ends.get(other, 0.0) for other in job.after]
            ends[name] = left[name] + max(before, default=0.0)
        return max(ends.values(), default=0.0)


def minutes(seconds: float) -> str:
    """`3:05 min`, or `2:03 h` from an hour on."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
    return f"{whole // 60}:{whole % 60:02d} min"
