"""Ratios inside one process: two workloads taking turns, each judged by its fastest
round."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """Wall time of `work`, the GPU's share included."""
    _wait()
    start = time.perf_counter()
    work()
    _wait()
    return time.perf_counter() - start


def cpu_seconds(work: Work) -> float:
    """CPU time of `work`."""
    start = time.process_time()
    work()
    return time.process_time() - start


@contextmanager
def on_one_core() -> Iterator[None]:
    """A context in which the process has one core, threads that other libraries start
    in it included."""
    if not hasattr(os, "sched_setaffinity"):  # only Linux has it
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def ratio(ours: Work, theirs: Work, rounds: int = 7) -> float:
    """Our time over theirs. Both warm up once; the minimum is what a busy machine
    disturbs least.

    Without a GPU it is the process's CPU time, which does not count waiting for a core:
    the work is one thread's.
    """
    clock = seconds if torch.cuda.is_available() else cpu_seconds
    ours(), theirs()
    pairs = [(clock(ours), clock(theirs)) for _ in range(rounds)]
    return min(mine for mine, _ in pairs) / min(other for _, other in pairs)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
