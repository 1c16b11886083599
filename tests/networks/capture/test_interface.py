"""The interface of captures: what is replayed, what runs as it is and why, what is put
back, which differences are found."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _python_dispatch, _pytree

from oer_pipeline.networks.capture import torch_internals
from oer_pipeline.networks.capture.interface import captured, differences

CPU = torch.device("cpu")


def test_work_is_captured_once_and_its_state_is_put_back() -> None:
    x = torch.zeros(3)
    performed = []

    def work() -> Tensor:
        performed.append(x.sum().clone())
        return x.add_(1.0)

    replay = captured(work, [x], CPU, "updates")
    assert replay is not None
    assert x.tolist() == [0.0, 0.0, 0.0]
    assert replay().tolist() == [1.0, 1.0, 1.0]
    assert replay().tolist() == [2.0, 2.0, 2.0]
    assert len(performed) == 1


def test_work_that_cannot_be_captured_says_why_and_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    x = torch.zeros(3)

    def work() -> float:
        return float(x.add_(1.0).sum())

    with caplog.at_level(logging.INFO):
        assert captured(work, [x], CPU, "updates of a test") is None
    assert x.tolist() == [0.0, 0.0, 0.0]
    [line] = caplog.messages
    assert line.startswith("updates of a test are not replayed: the work asks for a")


def without_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_python_dispatch, "TorchDispatchMode")


def without_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils._pytree", None)


def without_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_pytree, "tree_leaves")


def without_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.ops.aten.neg.default, "_schema")


def without_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_internals, "TAGS", ("a_tag_that_is_not_there",))


@pytest.mark.parametrize(
    ("take_away", "named"),
    [
        (without_dispatch, "TorchDispatchMode"),
        (without_module, "torch.utils._pytree"),
        (without_leaves, "tree_leaves"),
        (without_schema, "_schema"),
        (without_tag, "a_tag_that_is_not_there"),
    ],
)
def test_where_torch_lacks_what_a_tape_takes_work_runs_as_it_is(
    take_away: Callable[[pytest.MonkeyPatch], None],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    x = torch.zeros(3)
    take_away(monkeypatch)
    with caplog.at_level(logging.INFO):
        assert captured(lambda: x.add_(1.0), [x], CPU, "updates") is None
    [line] = caplog.messages
    assert line.startswith(f"updates are not replayed: torch {torch.__version__} lacks")
    assert named in line
    assert "\n" not in line
    monkeypatch.undo()
    assert captured(lambda: x.add_(1.0), [x], CPU, "updates") is not None


def doubled(x: Tensor) -> Callable[[], dict[str, Tensor]]:
    return lambda: {"sum": x.mul_(2.0).sum()}


def moved(x: Tensor, error: float) -> Callable[[], dict[str, Tensor]]:
    return lambda: {"sum": x.mul_(2.0).add_(error).sum()}


@pytest.mark.parametrize("exact", [True, False])
def test_the_same_work_makes_no_difference(exact: bool) -> None:
    x = torch.ones(4)
    assert differences(doubled(x), doubled(x), {"x": x}, exact) == []
    assert x.tolist() == [1.0] * 4


def test_on_a_cpu_bits_decide_and_on_a_gpu_rounding_does_not() -> None:
    x = torch.ones(4)
    off = moved(x, 1e-6)
    assert differences(doubled(x), off, {"x": x}, exact=True) == ["sum", "x"]
    assert differences(doubled(x), off, {"x": x}, exact=False) == []
    off = moved(x, 1e-3)
    assert differences(doubled(x), off, {"x": x}, exact=False) == ["sum", "x"]
    assert x.tolist() == [1.0] * 4


def test_results_that_only_one_of_them_has_are_different() -> None:
    x = torch.ones(4)
    more: Any = lambda: {**doubled(x)(), "further": x}  # noqa: E731
    assert differences(doubled(x), more, {"x": x}, exact=True) == ["further"]
