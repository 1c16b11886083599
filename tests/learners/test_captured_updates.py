"""Replayed updates are the eager ones: from the tape of kernels on a CPU, from the CUDA
graph on a GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from oer_pipeline.common.errors import OERError
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.captured_updates import Work
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.gem import GEM
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import LearnerView
from oer_pipeline.networks.capture import tape
from oer_pipeline.networks.capture.interface import captured

SEEDS = (0, 1, 7)
LENGTHS = (3, 1, 10, 2, 13)  # blocks start and end inside a period


class AtOnce(tape.Tape):
    """Answers yes where the program asks for a value: for a loop that goes on to its
    end on a GPU."""

    def record(self, kernel: Any, args: Any, kwargs: Any) -> Any:
        if kernel is torch.ops.aten._local_scalar_dense.default:
            return True
        return super().record(kernel, args, kwargs)


def graphed(training: TaskTraining) -> TaskTraining:
    training.capture_updates()
    return training


def compare(eager: TaskTraining, other: TaskTraining, lengths: Sequence[int]) -> None:
    """Means of every block and all that the next update depends on, bit for bit."""
    for length in lengths:
        wanted, found = eager.block(length), other.block(length)
        assert wanted.keys() == found.keys()
        assert [
            name for name, loss in wanted.items() if not loss.equal(found[name])
        ] == []
        assert eager.updates == other.updates
        state, again = eager.state_dict(), other.state_dict()
        assert [
            name for name, tensor in state.items() if not tensor.equal(again[name])
        ] == []


def test_a_replayed_period_is_the_eager_one(
    tasks: Any, configured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, options = configured.kind, configured.options
    if configured.name == "gem":
        monkeypatch.setattr(tape, "Tape", AtOnce)
    previous = (
        None
        if kind.together
        else tasks.before(kind, 3, SEEDS, tasks.settings, **options)
    )
    eager, other = (
        tasks.learner(kind, 3, SEEDS, None, previous, **options) for _ in range(2)
    )
    compare(eager, graphed(other), LENGTHS)
    assert other.captured is not None
    assert other.captured.has_captured
    kept, again = eager.result().tensors(), other.result().tensors()
    assert [
        name for name, tensor in kept.items() if not tensor.equal(again[name])
    ] == []


@pytest.mark.parametrize(
    "change",
    [
        {"policy_delay": 1},
        {"policy_delay": 3},
        {"heads": "single"},
        {"base": "bc"},
        {"critic_norm": "layer"},
        {"batch_size": 250, "hidden": (128, 72)},  # sizes that oneDNN is used for
    ],
)
def test_a_replayed_period_with_other_settings(
    tasks: Any, change: dict[str, Any]
) -> None:
    settings = replace(tasks.settings, **change)
    eager, other = (
        tasks.learner(DualBehaviourCloning, 2, SEEDS, settings) for _ in range(2)
    )
    compare(eager, graphed(other), LENGTHS)


@pytest.mark.parametrize("updates", [12, 13])
def test_the_tail_is_no_part_of_the_graph(tasks: Any, updates: int) -> None:
    """The first block reaches into the tail; the warm-up of a capture near the task's
    end does not."""
    settings = replace(tasks.settings, updates=updates)
    for lengths in ((15, updates - 8), (10, updates - 3)):
        eager, other = (
            tasks.learner(DualBehaviourCloning, 2, SEEDS, settings, clone_tail=7)
            for _ in range(2)
        )
        compare(eager, graphed(other), lengths)
    plain, late = (tasks.learner(Finetune, 1, SEEDS, settings) for _ in range(2))
    plain.block(updates // 2 * 2 - 2)
    late.block(updates // 2 * 2 - 2)
    compare(
        plain, graphed(late), (updates - plain.updates,)
    )  # captured in the last whole period


def test_whole_periods_are_replayed_and_nothing_else(tasks: Any) -> None:
    training = tasks.learner(Finetune, settings=replace(tasks.settings, policy_delay=3))
    replayed = []

    def capture(work: Work, *_: Any) -> Work:
        def noting() -> list[dict[str, Tensor]]:
            replayed.append(training.updates)
            return work()

        return noting

    training.capture_updates(capture)
    for length in (2, 5, 7):  # updates 1 to 2, 3 to 7, 8 to 14
        training.block(length)
    assert replayed == [3, 3, 9]  # the first time to compare it with the eager period
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
        training.draw(2),
        training.draw(2),
    ]
    kept = [d.clone() for d in draws]
    graphed(training)
    for d in draws:
        list(training.captured.perform(d))
    for d, wanted in zip(draws, kept, strict=True):
        assert d.rows.equal(wanted.rows)
        assert d.noise.equal(wanted.noise)
        assert d.replay_rows is not None
        assert d.replay_rows.equal(wanted.replay_rows)


class Scheduled(Finetune):
    def losses(self, training: LearnerView, step: Step) -> dict[str, Tensor]:
        weight = 0.5 if training.updates > training.settings.updates // 2 else 1.0
        return {
            name: loss * weight for name, loss in super().losses(training, step).items()
        }


def test_a_learner_that_asks_for_the_updates_number_runs_eagerly(tasks: Any) -> None:
    eager, other = (tasks.learner(Scheduled) for _ in range(2))
    compare(eager, graphed(other), LENGTHS)
    assert other.captured is not None
    assert not other.captured.has_captured


def test_what_a_tape_cannot_hold_runs_eagerly(tasks: Any) -> None:
    """GEM's quadratic program stops early on a CPU."""
    previous = tasks.before(GEM, 3, SEEDS, tasks.settings)
    eager, other = (tasks.learner(GEM, 3, SEEDS, None, previous) for _ in range(2))
    compare(eager, graphed(other), LENGTHS)
    assert other.captured is not None
    assert not other.captured.has_captured


class Counting(Finetune):
    def __init__(self) -> None:
        self.count = 0

    def losses(self, training: LearnerView, step: Step) -> dict[str, Tensor]:
        self.count += 1
        return {
            name: loss * self.count
            for name, loss in super().losses(training, step).items()
        }


class Rebinding(Finetune):
    def __init__(self) -> None:
        self.sum = torch.zeros(())

    def losses(self, training: LearnerView, step: Step) -> dict[str, Tensor]:
        self.sum = self.sum + 1.0
        return super().losses(training, step) | {
            "sum": self.sum.expand(len(training.seeds))
        }


class CountingAndAsking(Counting):
    """Runs eagerly, where its count would be right but for the recording that was given
    up."""

    def losses(self, training: LearnerView, step: Step) -> dict[str, Tensor]:
        losses = super().losses(training, step)
        assert losses["behaviour"].sum().item() >= 0.0
        return losses


class Remembering(Finetune):
    """Makes a constant of a value, without a kernel."""

    def losses(self, training: LearnerView, step: Step) -> dict[str, Tensor]:
        losses = super().losses(training, step)
        return losses | {
            "largest": losses["behaviour"] * 0.0 + _without_asking(losses["behaviour"])
        }


def _without_asking(loss: Tensor) -> float:
    return ctypes.cast(loss.data_ptr(), ctypes.POINTER(ctypes.c_float))[0]


@pytest.mark.parametrize("kind", [Counting, Rebinding, CountingAndAsking, Remembering])
def test_a_learner_that_keeps_what_a_replay_does_not_see_is_named(
    tasks: Any, kind: type[Finetune]
) -> None:
    training = graphed(tasks.learner(kind))
    with pytest.raises(
        OERError,
        match=rf"learner {kind.__name__}: .*other values of .*loss.*graphs: false",
    ):
        training.block(2)


def as_on_a_gpu(
    training: TaskTraining, further: Callable[[TaskTraining], None] | None = None
) -> TaskTraining:
    """With a capture that is held against eager updates as a CUDA graph is; each replay
    does something `further`."""

    def capture(work: Work, *how: Any) -> Work | None:
        replay = captured(work, *how)
        if replay is None:
            return None

        def replay_and_more() -> list[dict[str, Tensor]]:
            losses = replay()
            if further:
                further(training)
            return losses

        return replay_and_more

    training.capture_updates(capture)
    assert training.captured is not None
    training.captured._exact = False
    return training


def off_by(error: float) -> Callable[[TaskTraining], None]:
    def move(training: TaskTraining) -> None:
        training.state.critic.buffer[:, 0].add_(error)

    return move


@pytest.mark.parametrize("kind", [Counting, Rebinding, CountingAndAsking, Remembering])
def test_a_gpus_replay_is_held_against_two_eager_periods(
    tasks: Any, kind: type[Finetune]
) -> None:
    with pytest.raises(
        OERError, match=rf"learner {kind.__name__}: .*other values of .*graphs: false"
    ):
        as_on_a_gpu(tasks.learner(kind)).block(2)


def test_a_gpus_replay_may_differ_by_rounding_and_no_more(tasks: Any) -> None:
    as_on_a_gpu(tasks.learner(Finetune), off_by(2e-6)).block(2)
    with pytest.raises(OERError, match="other values of critic;"):
        as_on_a_gpu(tasks.learner(Finetune), off_by(2e-5)).block(2)


def test_checking_a_gpus_replay_leaves_training_as_it_was(tasks: Any) -> None:
    eager, other = (tasks.learner(DualBehaviourCloning, 2) for _ in range(2))
    compare(eager, as_on_a_gpu(other), LENGTHS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_graphed_on_a_gpu_is_eager_on_a_gpu(tasks: Any, configured: Any) -> None:
    kind, options = configured.kind, configured.options
    previous = (
        None
        if kind.together
        else tasks.before(kind, 3, SEEDS, tasks.settings, **options)
    )
    results = []
    for replayed in (False, True):
        there = replace(tasks, hardware={"device": "cuda", "graphs": replayed})
        training = there.learner(kind, 3, SEEDS, None, previous, **options)
        for length in (37, 63):
            training.block(length)
        results.append(training.result().tensors())
    eager, other = results
    for name, tensor in eager.items():
        torch.testing.assert_close(
            other[name],
            tensor,
            atol=1e-5,
            rtol=1e-5,
            msg=lambda text, n=name: f"{n}: {text}",
        )
