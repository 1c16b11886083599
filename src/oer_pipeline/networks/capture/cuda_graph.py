"""Work as a CUDA graph: one launch instead of some hundred kernels."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from oer_pipeline.networks.capture.errors import NotReplayableError

WARM_UP = 3
"""How often the work is performed before the capture: CUDA's libraries prepare
themselves meanwhile."""

Result = TypeVar("Result")
Work = Callable[[], Result]


def cuda_capture(work: Work[Result]) -> Work[Result]:
    """`work` as a CUDA graph; performs it `WARM_UP` times.

    Raises:
        NotReplayableError: the work waits for the device. It shows in the last warm-up,
            while nothing is captured yet: a capture that fails leaves its stream
            unusable.
    """
    # an older capture and what it was made for refer to each other, and hold the
    # device's memory
    gc.collect()
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP - 1):
                work()
            with _waiting_refused():
                work()
    finally:
        torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = work()

    def replay() -> Result:
        graph.replay()
        return results

    return replay


@contextmanager
def _waiting_refused() -> Iterator[None]:
    """A context in which work that waits for the device raises NotReplayableError."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    except RuntimeError as error:
        if "synchroniz" not in str(error):
            raise
        raise NotReplayableError(f"the work waits for the device ({error})") from error
    finally:
        torch.cuda.set_sync_debug_mode(before)
