"""Training through Lightning: the same bits as the bare loop, curves, devices,
progress."""

from __future__ import annotations

import importlib
import logging
import math
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.divergence import DivergedError
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import LearnerView
from oer_pipeline.networks import products
from oer_pipeline.training import fit as training
from oer_pipeline.training.checkpoint import Checkpoint
from oer_pipeline.training.fit import BLOCK, fit
from oer_pipeline.training.hardware import Hardware
from oer_pipeline.training.module import BlockModule
from oer_pipeline.training.recipe import recipe_of
from oer_pipeline.trajectories.table import Trajectories

SEEDS = (4, 2)


def same(left: Policies, right: Policies) -> bool:
    a, b = left.tensors(), right.tensors()
    return a.keys() == b.keys() and all(
        tensor.equal(b[name]) for name, tensor in a.items()
    )


def test_lightning_changes_no_bit_of_the_bare_loop(
    data: Trajectories, settings: LearnerSettings
) -> None:
    learner = TaskTraining(DualBehaviourCloning(), settings, data, (), None, SEEDS)
    means = [learner.block(length) for length in (100, 100, 50)]
    trained = fit(DualBehaviourCloning(), settings, data, (), None, SEEDS)
    assert same(trained.policies, learner.result())
    assert trained.parameters == learner.parameter_count()
    for member, seed in enumerate(SEEDS):
        for name in means[0]:
            assert trained.curves[seed][name] == [
                losses[name][member].item() for losses in means
            ], name


def test_curves_have_a_point_a_block_at_the_update_where_it_ended(
    data: Trajectories, settings: LearnerSettings
) -> None:
    curves = fit(Finetune(), settings, data, (), None, SEEDS).curves
    assert list(curves) == list(SEEDS)
    for curve in curves.values():
        assert set(curve) == {"update", "critic", "behaviour", "value", "q"}
        assert curve["update"] == [100.0, 200.0, 250.0]
        assert {len(column) for column in curve.values()} == {3}
    assert curves[4]["critic"] != curves[2]["critic"]


@pytest.mark.parametrize("updates", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("base", ["td3bc", "bc"])
def test_any_number_of_updates_is_done_exactly(
    data: Trajectories, settings: LearnerSettings, updates: int, base: str
) -> None:
    trained = fit(
        Finetune(), replace(settings, updates=updates, base=base), data, (), None, (0,)
    )
    curve = trained.curves[0]
    assert curve["update"][-1] == updates
    assert {len(column) for column in curve.values()} == {len(curve["update"])}
    wanted = ({"critic"} if base == "td3bc" else set()) | (
        {"behaviour"} if updates > 1 else set()
    )
    assert wanted <= set(curve)
    if (
        updates == BLOCK + 1
    ):  # the last block is a single critic update: no policy loss to show
        assert [math.isnan(loss) for loss in curve["behaviour"]] == [False, True]


def test_training_that_diverges_is_not_swallowed(
    data: Trajectories, settings: LearnerSettings
) -> None:
    hopeless = replace(data, reward=data.reward * float("inf"))
    with pytest.raises(DivergedError, match="task 1"):
        fit(Finetune(), settings, hopeless, (), None, SEEDS)


def test_a_gpu_that_is_not_there_is_a_clear_error(
    data: Trajectories, settings: LearnerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        ConfigurationError,
        match="accelerator is 'gpu', but torch sees no GPU; set accelerator: cpu",
    ):
        fit(Finetune(), settings, data, (), None, SEEDS, Hardware("gpu"))
    assert Hardware("auto").device() == Hardware("cpu").device() == torch.device("cpu")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert Hardware("auto").device().type == Hardware("gpu").device().type == "cuda"
    assert Hardware("cpu").device().type == "cpu"


def test_precision_is_said_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", said.append)
    Hardware("gpu", precision="high").device()
    Hardware("cpu", precision="high").device()
    assert said == ["high"]
    with pytest.raises(
        ConfigurationError,
        match="precision is 'tf32'; choose one of high, highest, medium",
    ):
        Hardware(precision="tf32")


def test_progress_says_what_runs_how_far_it_is_and_how_long_it_takes(
    data: Trajectories, settings: LearnerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=training.__package__):
        fit(Finetune(), replace(settings, name="finetune"), data, (), None, SEEDS)
    lines = [record.message for record in caplog.records if "updates" in record.message]
    assert len(lines) == 1  # ten seconds apart, and one at the end
    assert lines[0].startswith("train task 1 (finetune, seeds 4, 2): 250/250 updates, ")
    assert lines[0].endswith(" 0 s left")


def test_fit_leaves_no_files_behind(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    fit(Finetune(), replace(settings, updates=10), data, (), None, SEEDS)
    assert list(tmp_path.iterdir()) == []


def interrupted(
    path: Path,
    data: Trajectories,
    settings: LearnerSettings,
    after: int,
    kind: Callable[[], Learner] = Finetune,
) -> None:
    """Train with a checkpoint after every block, and stop in block `after`, before it
    is kept."""
    task = TaskTraining(kind(), settings, data, (), None, SEEDS)
    module, keeper = BlockModule(task), Checkpoint(path, task)
    for block in range(after):
        module.training_step(BLOCK, block)
        keeper.write(module)
    module.training_step(BLOCK, after)


@pytest.mark.parametrize("kind", [Finetune, DualBehaviourCloning])
def test_an_interrupted_training_goes_on_bit_for_bit(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    kind: type,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "task_1.safetensors"
    whole = fit(kind(), settings, data, (), None, SEEDS)
    interrupted(path, data, settings, 1, kind)
    with caplog.at_level(logging.INFO, logger=training.__package__):
        resumed = fit(kind(), settings, data, (), None, SEEDS, checkpoint=path)
    assert f"task 1: goes on after update 100, from {path}" in caplog.messages
    assert same(whole.policies, resumed.policies)
    assert whole.curves == resumed.curves
    assert not path.exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit(143)])
def test_a_stopped_training_writes_what_it_has(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    stop: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The block under way is not waited for, and no checkpoint was due."""
    path = tmp_path / "task_1.safetensors"
    whole = fit(Finetune(), settings, data, (), None, SEEDS)
    step = BlockModule.training_step

    def stopped(module: BlockModule, batch: int, batch_idx: int) -> None:
        if batch_idx == 1:
            module.task_training.draw(10)  # half of a block is done
            raise stop
        step(module, batch, batch_idx)

    monkeypatch.setattr(BlockModule, "training_step", stopped)
    monkeypatch.setattr("oer_pipeline.training.checkpoint.KEEP_SECONDS", 0.0)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises((KeyboardInterrupt, SystemExit)) as caught:
        fit(Finetune(), settings, data, (), None, SEEDS, checkpoint=path)
    wanted = stop if isinstance(stop, type) else type(stop)
    assert caught.type is wanted
    assert signal.getsignal(signal.SIGINT) == before
    monkeypatch.undo()
    with caplog.at_level(logging.INFO, logger=training.__package__):
        resumed = fit(Finetune(), settings, data, (), None, SEEDS, checkpoint=path)
    assert f"task 1: goes on after update 100, from {path}" in caplog.messages
    assert same(whole.policies, resumed.policies)
    assert whole.curves == resumed.curves


@pytest.mark.parametrize("what", ["seeds", "settings", "data", "learner"])
def test_another_trainings_checkpoint_is_not_taken_up(
    data: Trajectories, settings: LearnerSettings, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "task_1.safetensors"
    interrupted(path, data, settings, 1)
    kind, seeds = Finetune, SEEDS
    if what == "seeds":
        seeds = (4, 3)
    elif what == "settings":
        settings = replace(settings, discount=0.9)
    elif what == "data":
        data = replace(data, reward=data.reward + 1)
    else:
        kind = DualBehaviourCloning
    kept = fit(kind(), settings, data, (), None, seeds, checkpoint=path)
    assert same(kept.policies, fit(kind(), settings, data, (), None, seeds).policies)


class Weighing(Finetune):
    """Has options of the kinds that a configuration holds."""

    def __init__(
        self,
        layers: Sequence[int] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.layers = layers
        self.weights = weights


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"layers": [1, 2]}, {"layers": [1, 3]}),
        ({"layers": [1, 2]}, {"layers": None}),
        ({"layers": None}, {"layers": [0]}),
        ({"layers": (1, 2)}, {"layers": (2, 1)}),
        ({"weights": {"trunk": 0.5}}, {"weights": {"trunk": 0.6}}),
        ({"weights": {"trunk": 0.5}}, {"weights": {"head": 0.5}}),
        ({"layers": np.float32(1.0)}, {"layers": np.float32(2.0)}),
        ({"layers": np.arange(2)}, {"layers": np.arange(1, 3)}),
    ],
)
def test_a_checkpoint_of_other_options_is_not_taken_up(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    before: dict[str, Any],
    after: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "task_1.safetensors"
    caplog.set_level(logging.INFO, logger=training.__package__)
    goes_on = "goes on after update 100"
    for options, taken_up in ((after, False), (before, True)):
        interrupted(path, data, settings, 1, partial(Weighing, **before))
        fit(Weighing(**options), settings, data, (), None, SEEDS, checkpoint=path)
        assert any(goes_on in message for message in caplog.messages) == taken_up
        caplog.clear()


@pytest.mark.parametrize(("recipe", "taken_up"), [("one", True), ("two", False)])
def test_a_runners_fingerprint_says_whose_a_checkpoint_is(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    recipe: str,
    taken_up: bool,
) -> None:
    path = tmp_path / "task_1.safetensors"
    task = TaskTraining(Finetune(), settings, data, (), None, SEEDS)
    module, keeper = BlockModule(task), Checkpoint(path, task, recipe="one")
    module.training_step(BLOCK, 0)
    keeper.write(module)
    again = Checkpoint(path, task, recipe=recipe)
    again.resume(BlockModule(task))
    assert (again.update is not None) == taken_up


def test_whatever_else_is_imported_is_the_same_training(
    data: Trajectories, settings: LearnerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TaskTraining(Finetune(), settings, data, (), None, SEEDS)
    before = recipe_of(task)
    monkeypatch.delitem(sys.modules, "oer_pipeline.learners.packnet", raising=False)
    without = recipe_of(task)
    importlib.import_module("oer_pipeline.learners.packnet")
    assert recipe_of(task) == without == before


def test_a_runner_removes_the_checkpoint_itself(
    data: Trajectories, settings: LearnerSettings, tmp_path: Path
) -> None:
    """Once what was trained is safe."""
    path = tmp_path / "task_1.safetensors"
    told = {"checkpoint": path, "every_seconds": 0.0}
    fit(Finetune(), settings, data, (), None, SEEDS, recipe="one", **told)
    assert path.is_file()
    fit(Finetune(), settings, data, (), None, SEEDS, **told)
    assert not path.is_file()


def test_an_accelerator_that_is_none_is_refused() -> None:
    for wrong in ("tpu", "CPU"):
        with pytest.raises(ConfigurationError, match=f"accelerator.*{wrong}"):
            Hardware(accelerator=wrong)


@pytest.mark.parametrize("same_products", [True, False])
def test_a_checkpoint_of_other_float32_products_is_not_taken_up(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    same_products: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "task_1.safetensors"
    interrupted(path, data, settings, 1)
    here, other = products.library_in_use(), {"onednn": "torch", "torch": "onednn"}
    monkeypatch.setattr(
        products, "library_in_use", lambda: here if same_products else other[here]
    )
    with caplog.at_level(logging.INFO, logger=training.__package__):
        fit(Finetune(), settings, data, (), None, SEEDS, checkpoint=path)
    assert (
        any("goes on after update 100" in message for message in caplog.messages)
        == same_products
    )


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_said_and_left_aside(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    damage: bytes | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "task_1.safetensors"
    interrupted(path, data, settings, 1)
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    resumed = fit(Finetune(), settings, data, (), None, SEEDS, checkpoint=path)
    assert any("cannot be read" in message for message in caplog.messages)
    assert same(
        resumed.policies, fit(Finetune(), settings, data, (), None, SEEDS).policies
    )


def test_divergence_names_the_last_good_checkpoint(
    data: Trajectories, settings: LearnerSettings, tmp_path: Path
) -> None:
    path = tmp_path / "task_1.safetensors"
    hopeless = replace(data, reward=data.reward * float("inf"))
    with pytest.raises(
        DivergedError, match=r"update 100; no checkpoint was taken before"
    ):
        fit(Finetune(), settings, hopeless, (), None, SEEDS, checkpoint=path)

    class Breaks(Finetune):
        def after_update(self, training: LearnerView) -> None:
            if training.updates > 150:
                training.networks["policy"].buffer[0].fill_(float("nan"))  # of seed 4

    with pytest.raises(DivergedError):
        interrupted(path, data, settings, 1, Breaks)
    with pytest.raises(
        DivergedError,
        match=(
            rf"seed\(s\) \[4\] .* update 200; .*checkpoint is {path}, after update 100"
        ),
    ):
        fit(Breaks(), settings, data, (), None, SEEDS, Hardware(graphs=False), path)
    assert path.exists()


class SpoiledAt(Finetune):
    """Weights of seed 4 that an update spoils after its losses were taken."""

    def __init__(self, update: int) -> None:
        self.update = update

    def after_update(self, training: LearnerView) -> None:
        if training.updates >= self.update:
            training.networks["policy"].buffer[0].fill_(float("nan"))


@pytest.mark.parametrize(
    ("update", "known"), [(200, "is .*, after update 100"), (250, "after update 200")]
)
def test_a_spoiled_training_is_no_checkpoint(
    data: Trajectories,
    settings: LearnerSettings,
    tmp_path: Path,
    update: int,
    known: str,
) -> None:
    """In the last update of a block, and in the very last one."""
    assert settings.updates == 250
    path = tmp_path / "task_1.safetensors"
    hardware = Hardware(graphs=False)
    with pytest.raises(DivergedError, match=f"last good checkpoint .*{known}"):
        fit(SpoiledAt(update), settings, data, (), None, SEEDS, hardware, path, 0.0)
