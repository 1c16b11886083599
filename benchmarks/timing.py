"""Ratios inside one process: two workloads taking turns, each judged by its fastest round."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """Wall time of `work`, the GPU's share included."""
    _wait()
    start = time.perf_counter()
    work()
    _wait()
    return time.perf_counter() - start


def ratio(ours: Work, theirs: Work, rounds: int = 7) -> float:
    """Our time over theirs. Both warm up once; the minimum is what a busy machine disturbs least."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    mine, other = (min(times) for times in zip(*pairs, strict=True))
    return mine / other


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
