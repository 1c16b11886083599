"""Grids on a project of their own in benchmarks/scratch, measured: how long their jobs
take, in their nodes and beside them, and in how much memory."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

import oer_pipeline.settings  # noqa: F401  first: it keeps Dask's lines to itself
from oer_pipeline.studies.cells import cells_of, jobs_of
from oer_pipeline.studies.cluster import connected
from oer_pipeline.studies.engine import run
from oer_pipeline.studies.grid_files import from_config
from oer_pipeline.studies.jobs import Job, Outcome, Status

ROOT = Path(__file__).parents[1]
SCRATCH = ROOT / "benchmarks" / "scratch" / "scale"
IN_NODES = re.compile(r"(\d+\.\d+) s in (\d+) nodes")
SAMPLE_SECONDS = 0.25
MEBIBYTE = 2**20
SUITE = "cheetah_vel_signed"
QUALITY = "medium"


@contextmanager
def scratch_project(folder: Path = SCRATCH) -> Iterator[Path]:
    """Work in a project with this configuration and data of its own, which are kept
    from one measurement to the next."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("conf", "plugins"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("src", "conf/local"):
        (folder / name).mkdir(exist_ok=True)
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)


@dataclass(frozen=True)
class Measured:
    """Jobs that ran and their logs, the wall time of all of them, and the most memory
    of one: its own, and with what it shares with the others of its worker."""

    outcomes: dict[str, Outcome]
    logs: dict[str, Path]
    seconds: float
    own_mebibytes: float
    shared_mebibytes: float

    def beside_nodes(self) -> list[float]:
        """Seconds that each `kedro run` took outside its nodes."""
        found = []
        for name, outcome in self.outcomes.items():
            found.append(outcome.seconds - in_nodes(self.logs[name]))
        return found


def in_nodes(log: Path) -> float:
    """Seconds that a job's nodes took, by its log.

    Raises:
        RuntimeError: its log does not say so.
    """
    text = " ".join(log.read_text(encoding="utf-8").split())
    found = IN_NODES.findall(text)
    if not found:
        raise RuntimeError(f"{log} lacks a line '<x> s in <n> nodes'")
    return float(found[-1][0])


def cells_and_data(
    env: str | None,
    params: str,
    **told: Any,
) -> tuple[list[Job], list[Job]]:
    """The jobs of a grid's cells, and those of the data that they wait for; what waits
    for cells is left out."""
    grid = {"suites": [SUITE], "qualities": [QUALITY], "report": "nobody:asks"}
    cells = cells_of(from_config("scale", {**grid, **told}), params, env)
    names = {cell.name for cell in cells.cells}
    mine = []
    data = []
    for job in jobs_of(cells):
        if job.name in names:
            mine.append(replace(job, after=()))
        elif names.isdisjoint(job.after):
            data.append(job)
    return mine, data


def forced(jobs: Sequence[Job]) -> list[Job]:
    """The same jobs, which make again what is up to date."""
    found = []
    for job in jobs:
        *options, params = job.arguments
        found.append(replace(job, arguments=(*options, f"{params},force=true")))
    return found


@contextmanager
def warm_workers(number: int) -> Iterator[Any]:
    """A client of workers whose servers have imported everything."""
    with connected(None, number) as client:
        jobs = [Job(f"warm_{n}", ("0.5",), call=NOTHING) for n in range(2 * number)]
        measure(jobs, client)
        yield client


NOTHING = "benchmarks.grid_project:wait"


def wait(seconds: str) -> None:
    """What a trivial cell does."""
    time.sleep(float(seconds))


def measure(jobs: Sequence[Job], client: Any) -> Measured:
    """Run jobs to their end.

    Raises:
        RuntimeError: one of them failed.
    """
    memory = _Memory()
    begun = time.monotonic()
    with memory.watched():
        outcomes = run(jobs, client, _quiet)
    seconds = time.monotonic() - begun
    for outcome in outcomes.values():
        if outcome.status is not Status.DONE:
            raise RuntimeError(f"{outcome.name}: {outcome.reason}")
    logs = {job.name: job.log for job in jobs}
    return Measured(
        outcomes,
        logs,
        seconds,
        memory.own,
        memory.shared,
    )


def _quiet(_: str) -> None:
    """Takes lines of progress and keeps them to itself."""


class _Memory:
    """The most memory, in MiB, that one job of this process's workers has had."""

    def __init__(self) -> None:
        self.own = 0.0
        self.shared = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the jobs for as long as the block lasts."""
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over,))
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(SAMPLE_SECONDS):
            for process in psutil.Process().children(recursive=True):
                try:
                    self._look_at(process)
                except psutil.Error:  # it has ended meanwhile
                    continue

    def _look_at(self, process: psutil.Process) -> None:
        parent = process.parent()
        if parent is None or "forkserver" not in " ".join(parent.cmdline()):
            return
        memory = process.memory_full_info()
        self.own = max(self.own, memory.uss / MEBIBYTE)
        self.shared = max(self.shared, memory.rss / MEBIBYTE)
