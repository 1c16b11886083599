"""Graphed updates are the eager ones: on a CPU through a tape in place of the CUDA graph, on a GPU through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from oer_pipeline.learners.batches import Draws
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.graphs import WARM_UP, Graph, Work
from oer_pipeline.learners.task_training import TaskTraining

SEEDS = (0, 1, 7)
LENGTHS = (3, 1, 10, 2, 13)  # blocks start and end inside a period


class Tape(TorchDispatchMode):
    """Records kernels as a CUDA graph does: `play` runs them again on the same memory, without any Python around them.

    Args:
        early_exit: answer yes where the program asks for a value: for a loop that goes on to its end on a GPU.
    """

    def __init__(self, early_exit: bool = False) -> None:
        super().__init__()
        self._early_exit, self._kernels = early_exit, list[Callable[[], None]]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default and self._early_exit:
            return True
        assert func is not torch.ops.aten._local_scalar_dense.default, "waits for the device"
        assert func is not torch.ops.aten.lift_fresh.default, "brings a constant from the host"
        assert torch.Tag.nondeterministic_seeded not in func.tags, f"{func} draws random numbers"
        assert torch.Tag.dynamic_output_shape not in func.tags, f"{func} has a shape that depends on values"
        result = func(*args, **kwargs)
        aliases = [returned.alias_info for returned in func._schema.returns]
        if all(alias is None or alias.is_write for alias in aliases):  # no view: it computes
            self._kernels.append(lambda: self._again(func, args, kwargs, result))
        return result

    @staticmethod
    def _again(func: Any, args: Any, kwargs: Any, result: Any) -> None:
        found = func(*args, **kwargs)
        if result is None:  # in place, on lists
            return
        several = isinstance(result, tuple | list)
        for old, new in zip(result if several else [result], found if several else [found], strict=True):
            if old is not new and isinstance(old, Tensor):
                old.copy_(new)

    def play(self) -> None:
        with torch.no_grad():
            for kernel in self._kernels:
                kernel()


def on_tape(work: Work, early_exit: bool = False) -> Work:
    """`graphs.cuda_capture` for a CPU."""
    for _ in range(WARM_UP):
        work()
    with Tape(early_exit) as tape:
        results = work()

    def replay() -> list[dict[str, Tensor]]:
        tape.play()
        return results

    return replay


def graphed(training: TaskTraining, early_exit: bool = False) -> TaskTraining:
    training._graph = Graph(training, lambda work: on_tape(work, early_exit))
    return training


def compare(eager: TaskTraining, other: TaskTraining, lengths: Sequence[int]) -> None:
    """Means of every block and all that the next update depends on, bit for bit."""
    for length in lengths:
        wanted, found = eager.block(length), other.block(length)
        assert wanted.keys() == found.keys()
        assert [name for name, loss in wanted.items() if not loss.equal(found[name])] == []
        assert eager.updates == other.updates
        state, again = eager.state(), other.state()
        assert [name for name, tensor in state.items() if not tensor.equal(again[name])] == []


def test_a_replayed_period_is_the_eager_one(tasks: Any, configured: Any) -> None:
    kind, options, early_exit = configured.kind, configured.options, configured.name == "gem"
    previous = None if kind.together else tasks.before(kind, 3, SEEDS, tasks.settings, **options)
    eager, other = (tasks.learner(kind, 3, SEEDS, None, previous, **options) for _ in range(2))
    compare(eager, graphed(other, early_exit), LENGTHS)
    kept, again = eager.result().tensors(), other.result().tensors()
    assert [name for name, tensor in kept.items() if not tensor.equal(again[name])] == []


@pytest.mark.parametrize("change", [{"policy_delay": 1}, {"policy_delay": 3}, {"heads": "single"}, {"base": "bc"}])
def test_a_replayed_period_with_other_settings(tasks: Any, change: dict[str, Any]) -> None:
    settings = replace(tasks.settings, **change)
    eager, other = (tasks.learner(DualBehaviourCloning, 2, SEEDS, settings) for _ in range(2))
    compare(eager, graphed(other), LENGTHS)


@pytest.mark.parametrize("updates", [12, 13])
def test_the_tail_is_no_part_of_the_graph(tasks: Any, updates: int) -> None:
    """The first block reaches into the tail; the warm-up of a capture near the task's end does not."""
    settings = replace(tasks.settings, updates=updates)
    for lengths in ((15, updates - 8), (10, updates - 3)):
        eager, other = (tasks.learner(DualBehaviourCloning, 2, SEEDS, settings, clone_tail=7) for _ in range(2))
        compare(eager, graphed(other), lengths)
    plain, late = (tasks.learner(Finetune, 1, SEEDS, settings) for _ in range(2))
    plain.block(updates // 2 * 2 - 2)
    late.block(updates // 2 * 2 - 2)
    compare(plain, graphed(late), (updates - plain.updates,))  # captured in the last whole period


def test_whole_periods_are_replayed_and_nothing_else(tasks: Any) -> None:
    training = tasks.learner(Finetune, settings=replace(tasks.settings, policy_delay=3))
    replayed = []

    def capture(work: Work) -> Work:
        def noting() -> list[dict[str, Tensor]]:
            replayed.append(training.updates)
            return work()

        return noting

    training._graph = Graph(training, capture)
    for length in (2, 5, 7):  # updates 1 to 2, 3 to 7, 8 to 14
        training.block(length)
    assert replayed == [3, 9]
    assert training.updates == 14


def test_losses_hold_until_the_next_are_asked_for(tasks: Any) -> None:
    """The graph overwrites its losses; the means of a block are not among them."""
    training = graphed(tasks.learner(Finetune))
    first = training.block(2)
    kept = {name: loss.clone() for name, loss in first.items()}
    training.block(2)
    assert all(loss.equal(kept[name]) for name, loss in first.items())


def test_draws_are_read_from_the_graphs_own_memory(tasks: Any) -> None:
    training = tasks.learner(DualBehaviourCloning, 2)
    draws = [
        Draws.of(2, 16, training.tables, training._replay, training._generators),
        Draws.of(2, 16, training.tables, training._replay, training._generators),
    ]
    kept = [d.clone() for d in draws]
    graph = Graph(training, on_tape)
    for d in draws:
        list(graph.perform(d))
    for d, wanted in zip(draws, kept, strict=True):
        assert d.index.equal(wanted.index)
        assert d.noise.equal(wanted.noise)
        assert d.replay is not None
        assert d.replay.equal(wanted.replay)


def test_the_tape_refuses_what_a_cuda_graph_cannot_hold() -> None:
    values = torch.arange(4.0)
    for work, message in (
        (lambda: values.sum().item(), "waits for the device"),
        (lambda: torch.tensor([1.0]), "constant from the host"),
        (lambda: torch.rand(3), "random numbers"),
        (lambda: values[values > 1], "depends on values"),
    ):
        with pytest.raises(AssertionError, match=message), Tape():
            work()


def test_the_tape_knows_nothing_of_what_python_does() -> None:
    """A learner that counts in Python or takes another tensor each time would show."""
    state = {"count": 0, "sum": torch.zeros(2), "rebound": torch.zeros(2)}

    def work() -> list[dict[str, Tensor]]:
        state["count"] += 1
        state["sum"].add_(state["count"])
        state["rebound"] = state["rebound"] + 1
        return []

    replay = on_tape(work)
    sums = []
    for _ in range(3):
        replay()
        sums.append(state["sum"][0].item())
    assert state["count"] == WARM_UP + 1
    assert [b - a for a, b in pairwise(sums)] == [WARM_UP + 1] * 2
    assert state["rebound"].tolist() == [WARM_UP + 1] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_graphed_on_a_gpu_is_eager_on_a_gpu(tasks: Any, configured: Any) -> None:
    kind, options = configured.kind, configured.options
    previous = None if kind.together else tasks.before(kind, 3, SEEDS, tasks.settings, **options)
    results = []
    for graphs in (False, True):
        there = replace(tasks, hardware={"device": "cuda", "graphs": graphs})
        training = there.learner(kind, 3, SEEDS, None, previous, **options)
        for length in (37, 63):
            training.block(length)
        results.append(training.result().tensors())
    eager, other = results
    for name, tensor in eager.items():
        torch.testing.assert_close(other[name], tensor, atol=1e-5, rtol=1e-5, msg=lambda text, n=name: f"{n}: {text}")
