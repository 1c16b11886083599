"""How far a grid is and how long it will take, from what its jobs say of themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from oer_pipeline.studies.jobs import Job, Outcome, Status

GUESS_SECONDS = 600.0
"""The first estimates count as so many seconds of evidence, so that one short job
doesn't upset them."""
HALF_LIFE = 1800.0
"""Seconds after which what an ended job took counts half: a machine gets busier."""
LEAST_SHARE = 0.05
"""Share of a job that it has to be through with before its own rate is evidence."""
LEAST_WINDOW = 30.0
"""Seconds that a job's rate is taken over, at least."""
WINDOW = 1.0 / 3.0
"""The same as a part of the job's time so far: long enough for steps of unequal length,
short enough to notice that the machine has got slower."""
NODE = re.compile(r"Node (\d+) of (\d+): ")
UPDATES = re.compile(r": (\d+)/(\d+) updates, ")
OWN_ESTIMATE = re.compile(r", [^,]* left$")
"""The end of a training's line: it speaks of this training alone, ours of the job."""


class Heard(NamedTuple):
    """When a line was heard, and the share of the job that was done by then."""

    at: float
    share: float


class Stretch(NamedTuple):
    """Some time of a job's, and the share of the job that was done in it."""

    seconds: float
    share: float


class Ended(NamedTuple):
    """When a job ended, and how long it took."""

    at: float
    seconds: float


@dataclass
class Running:
    """A job at work: how much of it is done, and when that was heard."""

    line: str
    started: float
    node: int = 1
    nodes: int = 1
    share: float = 0.0
    heard: list[Heard] = field(default_factory=list)
    """The first is of the first node: nodes before it were kept and took no time."""

    def hear(
        self,
        line: str,
        now: float,
    ) -> None:
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
            done = int(updates[1])
            within = done / int(updates[2])
        if node or updates:
            self.share = (self.node - 1 + within) / self.nodes
            self.heard.append(Heard(now, self.share))

    def recent(self, now: float) -> Stretch:
        """The last `WINDOW` of the job's time, or since before the last news.

        Time that passes without news counts, so that a job that stands still gets
        slower and slower.
        """
        if not self.heard:
            return Stretch(
                seconds=now - self.started,
                share=0.0,
            )
        first = self.heard[0]
        window = WINDOW * (now - first.at)
        latest = now - max(LEAST_WINDOW, window)
        begin = first
        for heard in self.heard:
            if heard.at <= latest and heard.share < self.share:
                begin = heard
        return Stretch(
            seconds=now - begin.at,
            share=self.share - begin.share,
        )

    def left(
        self,
        now: float,
        expected: float,
    ) -> float:
        """Seconds until it is done, at its recent rate.

        Args:
            now: the time.
            expected: seconds that such a job takes as a whole, for one that has hardly
                begun.
        """
        recent = self.recent(now)
        if self.share > LEAST_SHARE and min(recent) > 0.0:
            rate = recent.share / recent.seconds
            return (1.0 - self.share) / rate
        elapsed = now - self.started
        least = 0.1 * max(expected, elapsed)
        return max(expected - elapsed, least)


class Progress:
    """What is known of a grid's jobs; `hear` takes what workers tell, from any
    thread."""

    def __init__(
        self,
        jobs: Sequence[Job],
        workers: int,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._workers = workers
        self._begun = time.monotonic()
        self._running: dict[str, Running] = {}
        self._ended: dict[str, Ended] = {}

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
        self._ended[outcome.name] = Ended(
            at=time.monotonic(),
            seconds=outcome.seconds,
        )

    def first_line(self) -> str:
        """What is about to be done."""
        jobs = len(self._jobs)
        workers = "1 worker" if self._workers == 1 else f"{self._workers} workers"
        left = duration(self.left())
        return f"{jobs} jobs, {workers}, about {left}; logs in logs/"

    def end_line(self, outcome: Outcome) -> str:
        """How a job ended."""
        text = f"{outcome.status.value}: {outcome.name}"
        if outcome.status is Status.DONE:
            return f"{text} in {duration(outcome.seconds)}"
        reasons = outcome.reason.splitlines() or [""]
        return f"{text}; {reasons[-1]}"

    def lines(self) -> list[str]:
        """A line on the whole, then one per running job."""
        now = time.monotonic()
        jobs = len(self._jobs)
        ended = len(self._ended)
        gone = duration(now - self._begun)
        left = duration(self.left())
        lines = [f"{ended} of {jobs} done, {gone} gone, about {left} left"]
        pace = self._pace(now)
        for name, job in list(self._running.items()):
            left = duration(self._left_of(name, now, pace))
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
        for name in self._jobs:
            if name not in self._ended:
                left[name] = self._left_of(name, now, pace)
        shared = sum(left.values()) / self._workers
        return max(self._longest_chain(left), shared)

    def _left_of(
        self,
        name: str,
        now: float,
        pace: float,
    ) -> float:
        """Seconds until a job is done, once it has begun."""
        expected = pace * self._jobs[name].expected
        running = self._running.get(name)
        if running is None:
            return expected
        return running.left(now, expected)

    def _pace(self, now: float) -> float:
        """Seconds per expected second, of ended jobs and of what running ones have
        done lately."""
        took = GUESS_SECONDS
        expected = GUESS_SECONDS
        for name, ended in self._ended.items():
            age = now - ended.at
            weight = 0.5 ** (age / HALF_LIFE)
            took += weight * ended.seconds
            expected += weight * self._jobs[name].expected
        for name, job in list(self._running.items()):
            recent = job.recent(now)
            if recent.share > LEAST_SHARE:
                took += recent.seconds
                expected += recent.share * self._jobs[name].expected
        return took / expected

    def _longest_chain(self, left: Mapping[str, float]) -> float:
        """Seconds that the jobs take that have to wait for one another."""
        ends: dict[str, float] = {}
        for name, own in left.items():
            begins = 0.0
            for other in self._jobs[name].after:
                begins = max(begins, ends.get(other, 0.0))
            ends[name] = begins + own
        return max(ends.values(), default=0.0)


def duration(seconds: float) -> str:
    """`3:05 min`, or `2:03 h` from an hour on."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
    return f"{whole // 60}:{whole % 60:02d} min"
