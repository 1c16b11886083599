"""A training that is saved and goes on elsewhere: the same bits as one that was never
interrupted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from oer_pipeline.datasets import SafetensorsDataset, TableDataset
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import LearnerView
from oer_pipeline.training.fit import Trained, fit
from oer_pipeline.training.hardware import Hardware
from oer_pipeline.training.module import BlockModule

SEEDS = (0, 1, 7)


def start(tasks: Any, configured: Any, previous: Policies | None) -> TaskTraining:
    training: TaskTraining = tasks.learner(
        configured.kind, 2, SEEDS, previous=previous, **configured.options
    )
    return training


def test_an_interrupted_training_is_that_of_one_go(
    tasks: Any, configured: Any, tmp_path: Path
) -> None:
    together = configured.kind.together
    before = (
        None
        if together
        else tasks.before(
            configured.kind, 2, SEEDS, tasks.settings, **configured.options
        )
    )
    training = start(tasks, configured, before)
    training.block(37)
    training.result()  # changes nothing
    save_file(training.state_dict(), tmp_path / "state.safetensors")
    losses = training.block(20)

    resumed = start(tasks, configured, before)
    resumed.block(4)  # what is loaded replaces what is there
    resumed.load_state_dict(load_file(tmp_path / "state.safetensors"), 37)
    again = resumed.block(20)
    assert resumed.updates == training.updates == 57
    assert losses.keys() == again.keys()
    assert all(loss.equal(again[name]) for name, loss in losses.items())
    found, wanted = resumed.state_dict(), training.state_dict()
    assert found.keys() == wanted.keys()
    assert [
        name for name, tensor in wanted.items() if not tensor.equal(found[name])
    ] == []
    kept, kept_again = training.result().tensors(), resumed.result().tensors()
    assert kept.keys() == kept_again.keys()
    assert [
        name for name, tensor in kept.items() if not tensor.equal(kept_again[name])
    ] == []


def test_a_state_is_settled_while_training_goes_on(tasks: Any) -> None:
    training = tasks.learner(DualBehaviourCloning, 2)
    state = training.state_dict()
    copies = {name: tensor.clone() for name, tensor in state.items()}
    training.block(4)
    assert all(tensor.equal(copies[name]) for name, tensor in state.items())
    moved = {
        name
        for name, tensor in training.state_dict().items()
        if not tensor.equal(copies[name])
    }
    assert moved == set(state)  # generators included: nothing in it is idle


@pytest.mark.parametrize("purpose", ["batch", "target_noise", "replay"])
def test_every_generator_goes_on_where_it_was(tasks: Any, purpose: str) -> None:
    training = tasks.learner(DualBehaviourCloning, 2)
    training.block(3)
    state = training.state_dict()
    wanted = [g.initial_seed() for g in training.state.generators[purpose]]
    training.block(3)
    training.load_state_dict(state, 3)
    found = training.state.generators[purpose]
    assert [g.initial_seed() for g in found] == wanted
    assert all(
        g.get_state().equal(state[f"{purpose}.{m}"]) for m, g in enumerate(found)
    )


class KilledError(Exception):
    """The process ends here."""


def saved(trained: Trained, folder: Path) -> dict[str, bytes]:
    """Every seed's policies and curves as the pipeline writes them."""
    for member, seed in enumerate(SEEDS):
        policies = trained.policies.member(member)
        SafetensorsDataset(str(folder / f"{seed}_policies.safetensors")).save(
            (policies.tensors(), policies.header())
        )
        TableDataset(str(folder / f"{seed}_curves.parquet")).save(
            pd.DataFrame(trained.curves[seed])
        )
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("killed_in_block", [2, 3])
def test_a_killed_training_ends_in_the_files_of_one_that_was_not(
    tasks: Any,
    configured: Any,
    killed_in_block: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Blocks of 100: the last one is a single update, which has no policy loss."""
    settings, kind = replace(tasks.settings, updates=201), configured.kind
    before, data, buffers = None, tasks.data(2), []
    if kind.together:
        data = [tasks.data(1), tasks.data(2)]
    else:
        before = tasks.before(kind, 2, SEEDS, settings, **configured.options)
        buffers = tasks.buffers(2, SEEDS) if kind.replays else []

    def train(**how: Any) -> Trained:
        learner = kind(**configured.options)
        return fit(learner, settings, data, buffers, before, SEEDS, **how)

    whole = saved(train(), tmp_path / "whole")

    def killed(module: BlockModule, batch: int, batch_idx: int) -> None:
        if batch_idx + 1 == killed_in_block:
            raise KilledError
        step(module, batch, batch_idx)

    step, checkpoint = BlockModule.training_step, tmp_path / "task_2.safetensors"
    monkeypatch.setattr(BlockModule, "training_step", killed)
    with pytest.raises(KilledError):
        train(checkpoint=checkpoint, every_seconds=0.0)
    monkeypatch.undo()
    assert checkpoint.is_file()
    again = saved(train(checkpoint=checkpoint, every_seconds=0.0), tmp_path / "again")
    assert [name for name, content in whole.items() if content != again[name]] == []
    assert not checkpoint.exists()


@pytest.mark.parametrize(("every_seconds", "taken"), [(0.0, True), (3600.0, False)])
def test_the_interval_between_checkpoints_is_the_callers(
    tasks: Any, every_seconds: float, taken: bool, tmp_path: Path
) -> None:
    settings, data = replace(tasks.settings, updates=200), tasks.data(1)
    path, seen = tmp_path / "task_1.safetensors", []

    class Looks(DualBehaviourCloning):
        def after_update(self, training: LearnerView) -> None:
            if training.updates > 150:
                seen.append(path.is_file())

    hardware = Hardware(graphs=False)  # in a graph no update may ask for its number
    fit(Looks(), settings, data, (), None, SEEDS, hardware, path, every_seconds)
    assert set(seen) == {taken}
