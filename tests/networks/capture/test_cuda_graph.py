"""Captures: a CUDA graph is begun only with work that never waits for the device; a
stand-in plays CUDA's part."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from oer_pipeline.networks.capture.cuda_graph import WARM_UP, cuda_capture
from oer_pipeline.networks.capture.errors import NotReplayableError

SYNCHRONISED = "called a synchronizing CUDA operation"  # torch's words in this mode


class StandIn:
    """What `torch.cuda` is asked for, noted in turn."""

    def __init__(self) -> None:
        self.mode = 0
        self.events: list[str] = []

    def itself(self) -> StandIn:
        return self

    def wait_stream(self, _: Any) -> None:
        self.events.append("wait")

    def stream(self, _: Any) -> Any:
        return nullcontext()

    @contextmanager
    def graph(self, _: Any) -> Iterator[None]:
        self.events.append("capture begins")
        yield
        self.events.append("capture ends")

    def replay(self) -> None:
        self.events.append("replay")

    def get_sync_debug_mode(self) -> int:
        return self.mode

    def set_sync_debug_mode(self, mode: int | str) -> None:
        self.mode = 2 if mode == "error" else int(mode)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    for name in ("Stream", "CUDAGraph", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, stand_in.itself)
    for name in ("stream", "graph", "get_sync_debug_mode", "set_sync_debug_mode"):
        monkeypatch.setattr(torch.cuda, name, getattr(stand_in, name))
    return stand_in


def test_the_last_warm_up_is_the_one_that_may_not_wait(cuda: StandIn) -> None:
    modes: list[int] = []

    def work() -> str:
        modes.append(cuda.mode)
        return "results"

    replay = cuda_capture(work)
    assert modes == [0] * (WARM_UP - 1) + [2, 0]  # and the capture itself
    assert replay() == replay() == "results"
    assert len(modes) == WARM_UP + 1
    assert cuda.events == [
        "wait",
        "wait",
        "capture begins",
        "capture ends",
        "replay",
        "replay",
    ]


def test_work_that_waits_for_the_device_is_refused_before_the_capture_begins(
    cuda: StandIn,
) -> None:
    def work() -> None:
        if cuda.mode == 2:
            raise RuntimeError(SYNCHRONISED)

    with pytest.raises(
        NotReplayableError, match=r"waits for the device.*synchronizing CUDA operation"
    ):
        cuda_capture(work)
    assert cuda.mode == 0
    assert cuda.events == ["wait", "wait"]


def test_other_errors_of_the_work_are_its_own(cuda: StandIn) -> None:
    def work() -> None:
        if cuda.mode == 2:
            raise RuntimeError("sizes do not fit")

    with pytest.raises(RuntimeError, match=r"^sizes do not fit$"):
        cuda_capture(work)
    assert cuda.mode == 0
    assert "capture begins" not in cuda.events


class Owner:
    """Holds its capture and refers to itself, as a training and its graph do: only the
    collector of cycles frees it."""

    def __init__(self) -> None:
        self.owner = self
        self.replay = cuda_capture(lambda: None)


@pytest.mark.usefixtures("cuda")
def test_an_older_captures_memory_is_free_before_the_next_begins() -> None:
    gc.disable()
    try:
        old = weakref.ref(Owner())
        assert old() is not None
        cuda_capture(lambda: None)
        assert old() is None
    finally:
        gc.enable()
