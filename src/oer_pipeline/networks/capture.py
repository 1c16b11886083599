"""Work captured once and replayed: as a CUDA graph on a GPU, as a tape of kernels on a
CPU.

The work has to depend on tensors alone, to change them in place and to leave its
results in tensors; a replay reads and writes the same memory.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from oer_pipeline.networks.tape import NotTapeableError, taped

WARM_UP = 3
"""How often the work is performed before a CUDA graph's capture: CUDA's libraries
prepare themselves meanwhile."""

Result = TypeVar("Result")
Work = Callable[[], Result]


def captured(work: Work[Result], device: torch.device) -> Work[Result]:
    """A replay of `work`, which leaves its results in the same tensors each time.

    Capturing performs the work, once on a CPU and `WARM_UP` times on a GPU: whoever
    minds that puts state back.

    Raises:
        NotTapeableError: the work does what a replay cannot repeat.
    """
    return cuda_capture(work) if device.type == "cuda" else tape_capture(work)


def tape_capture(work: Work[Result]) -> Work[Result]:
    """`work` as a tape of kernels; performs it once.

    Raises:
        NotTapeableError: see `Tape`.
    """
    replay = taped(work)
    replay()
    return replay


def cuda_capture(work: Work[Result]) -> Work[Result]:
    """`work` as a CUDA graph; performs it `WARM_UP` times.

    Raises:
        NotTapeableError: the work waits for the device. It shows in the last warm-up,
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
    """A context in which work that waits for the device raises NotTapeableError."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    except RuntimeError as error:
        if "synchroniz" not in str(error):
            raise
        raise NotTapeableError(f"the work waits for the device ({error})") from error
    finally:
        torch.cuda.set_sync_debug_mode(before)
