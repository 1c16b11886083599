"""`make run`: all methods of a comparison, jobs in parallel processes, progress, and the table at the end.

Each job is a `kedro run`; what is up to date is kept, so a killed grid goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oer_pipeline.errors import OERError
from oer_pipeline.plan import Plan

LOGS = Path("logs")
SECONDS_PER_MEMBER_UPDATE = 1.3e-3
"""Of a 128-128 network at batch 256 on one core of 2026; only the first estimate of the time left rests on it."""


@dataclass
class Job:
    """One `kedro run`: its arguments, the jobs it waits for, and about how long it takes on one core, in seconds.

    A failure of which a line of the log matches `excused` ends the job and not the grid; the line is then `failure`.
    """

    name: str
    arguments: list[str]
    after: Sequence[str]
    expected: float
    excused: str | None = None
    failure: str | None = None
    process: subprocess.Popen[str] | None = None
    latest: str = "starting"
    started: float = 0.0
    took: float | None = field(default=None)

    def start(self) -> None:
        """Launch, its output into logs/{name}.log, the newest line kept."""
        LOGS.mkdir(exist_ok=True)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kedro", "run", *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    def log(self) -> list[str]:
        """The lines of a finished job's whole log."""
        self._follower.join()
        return (LOGS / f"{self.name}.log").read_text().splitlines()

    def _follow(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with (LOGS / f"{self.name}.log").open("w") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                self.latest = line.strip()[9:] or self.latest


def jobs_of(plans: Sequence[Plan], options: Sequence[str]) -> list[Job]:
    """Data, transition models, cells and comparison; the chain with the models first, it is the longest."""
    plan = plans[0]
    uses_model = {p.method: bool(p.selector and p.selector["uses_model"]) for p in plans}
    cell = cell_seconds(plan)
    params = [p for p in plan_params(options) if not p.startswith(("method=", "compare="))]
    rest = [o for o in options if not o.startswith("--params")]

    def run(name: str, pipelines: str, after: Sequence[str], expected: float, *extra: str) -> Job:
        joined = ",".join([*params, *extra])
        return Job(
            name, [f"--pipelines={pipelines}", *rest, *([f"--params={joined}"] if joined else [])], after, expected
        )

    jobs = [run("data", "collection,ingestion", (), data_seconds(plan))]
    if any(uses_model.values()):
        jobs.append(run("dynamics", "dynamics", ["data"], 15 + 45 * len(plan.tasks)))
    for method in sorted(plan.compare, key=lambda m: not uses_model[m]):
        after = ["data", "dynamics"] if uses_model[method] else ["data"]
        jobs.append(run(method, "continual,evaluation,reporting", after, cell, f"method={method}"))
    jobs.append(run("comparison", "comparison", plan.compare, 10, f"compare={'+'.join(plan.compare)}"))
    return jobs


def data_seconds(plan: Plan) -> float:
    """About how long collection and ingestion take on one core."""
    return float(15 + len(plan.tasks) * plan.parameters["collection"]["transitions"] / 2500)


def cell_seconds(plan: Plan) -> float:
    """About how long a cell takes on one core."""
    updates = len(plan.tasks) * len(plan.seeds) * plan.parameters["learner"]["updates"]
    return float(20 + SECONDS_PER_MEMBER_UPDATE * updates)


def plan_params(options: Sequence[str]) -> list[str]:
    """The items of `--params=a=1,b=2`."""
    return [item for o in options if o.startswith("--params=") for item in o.removeprefix("--params=").split(",")]


def run_all(jobs: Sequence[Job], at_once: int, every: float = 15.0) -> None:
    """Run jobs, `at_once` at a time, each after those that it needs; say what is running and how long it will take.

    Raises:
        SystemExit: a job failed; its log's end has been printed, the others were stopped.
    """
    started = told = time.monotonic()
    say(f"{len(jobs)} jobs, {at_once} at a time, about {minutes(_left(jobs, at_once))}; logs in {LOGS}/")
    try:
        while any(job.took is None for job in jobs):
            _start_ready(jobs, at_once)
            time.sleep(0.5)
            _reap(jobs)
            if time.monotonic() - told > every:
                told = time.monotonic()
                running = "; ".join(f"{j.name}: {j.latest}" for j in jobs if j.process and j.took is None)
                say(f"[{minutes(told - started)} gone, about {minutes(_left(jobs, at_once))} left] {running}")
    finally:
        for job in jobs:
            if job.process is not None and job.process.poll() is None:
                job.process.terminate()
    say(f"finished in {minutes(time.monotonic() - started)}")


def _start_ready(jobs: Sequence[Job], at_once: int) -> None:
    done = {job.name for job in jobs if job.took is not None}
    for job in jobs:
        running = sum(j.process is not None and j.took is None for j in jobs)
        if job.process is None and running < at_once and set(job.after) <= done:
            say(f"start {job.name}")
            job.start()


def _reap(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.process is None or job.took is not None or job.process.poll() is None:
            continue
        job.took = time.monotonic() - job.started
        if job.process.returncode != 0:
            log = job.log()
            job.failure = next((line for line in log if job.excused and re.search(job.excused, line)), None)
            if job.failure is None:
                raise SystemExit("\n".join([*log[-15:], f"{job.name} failed; its whole log is {LOGS}/{job.name}.log"]))
        say(f"{'gave up' if job.failure else 'done'} {job.name} in {minutes(job.took)}")


def _left(jobs: Sequence[Job], at_once: int) -> float:
    """Seconds until all is done: expected times, scaled by how the finished jobs kept to theirs."""
    done = [job for job in jobs if job.took is not None]
    # The first estimate counts as ten minutes of evidence, so that one short job does not upset it.
    pace = (600.0 + sum(j.took or 0.0 for j in done)) / (600.0 + sum(j.expected for j in done))
    now = time.monotonic()
    left = {j.name: j.expected * pace - (now - j.started if j.process else 0.0) for j in jobs if j.took is None}
    left = {name: max(seconds, 5.0) for name, seconds in left.items()}
    ends: dict[str, float] = {}
    for job in jobs:
        if job.name in left:
            ends[job.name] = left[job.name] + max((ends.get(a, 0.0) for a in job.after), default=0.0)
    return max(max(ends.values(), default=0.0), sum(left.values()) / at_once)


def minutes(seconds: float) -> str:
    """`3:05 min`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def say(line: str) -> None:
    """Print at once, with the time."""
    print(time.strftime("%H:%M:%S"), line, flush=True)


def main() -> None:
    """Command line: `--jobs N` and whatever `kedro run` takes (`--env`, `--params`)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes at once")
    arguments, options = parser.parse_known_args()

    from oer_pipeline.context import plans_to_compare

    try:
        plans, reports = plans_to_compare(options)
    except OERError as error:
        raise SystemExit(f"Error: {error}") from error
    for plan in plans:
        say(plan.title)
    run_all(jobs_of(plans, options), arguments.jobs)
    comparison = reports / plans[0].comparison_folder
    print("\n" + (comparison / "table.txt").read_text())
    cells = "|".join(plan.cell for plan in plans)
    print(f"Pages with figures: {comparison}/comparison.html and {reports}/({cells})/report.html")
    print(
        "Cells side by side, with curves: make ui (MLflow). The lineage: make viz. "
        "Data and buffers: notebooks/explore.ipynb"
    )


if __name__ == "__main__":
    main()
