"""A training that is saved and goes on elsewhere: the same bits as one that was never interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.task_training import TaskTraining

SEEDS = (0, 1, 7)


def start(tasks: Any, configured: Any, previous: Policies | None) -> TaskTraining:
    training: TaskTraining = tasks.learner(configured.kind, 2, SEEDS, previous=previous, **configured.options)
    return training


def test_an_interrupted_training_is_that_of_one_go(tasks: Any, configured: Any, tmp_path: Path) -> None:
    together = configured.kind.together
    before = None if together else tasks.before(configured.kind, 2, SEEDS, tasks.settings, **configured.options)
    training = start(tasks, configured, before)
    training.block(37)
    training.result()  # changes nothing
    save_file(training.state(), tmp_path / "state.safetensors")
    losses = training.block(20)

    resumed = start(tasks, configured, before)
    resumed.block(4)  # what is loaded replaces what is there
    resumed.load_state(load_file(tmp_path / "state.safetensors"), 37)
    again = resumed.block(20)
    assert resumed.updates == training.updates == 57
    assert losses.keys() == again.keys()
    assert all(loss.equal(again[name]) for name, loss in losses.items())
    found, wanted = resumed.state(), training.state()
    assert found.keys() == wanted.keys()
    assert [name for name, tensor in wanted.items() if not tensor.equal(found[name])] == []
    kept, kept_again = training.result().tensors(), resumed.result().tensors()
    assert kept.keys() == kept_again.keys()
    assert [name for name, tensor in kept.items() if not tensor.equal(kept_again[name])] == []


def test_a_state_is_settled_while_training_goes_on(tasks: Any) -> None:
    training = tasks.learner(DualBehaviourCloning, 2)
    state = training.state()
    copies = {name: tensor.clone() for name, tensor in state.items()}
    training.block(4)
    assert all(tensor.equal(copies[name]) for name, tensor in state.items())
    moved = {name for name, tensor in training.state().items() if not tensor.equal(copies[name])}
    assert moved == set(state)  # generators included: nothing in it is idle


@pytest.mark.parametrize("purpose", ["batch", "target_noise", "replay"])
def test_every_generator_goes_on_where_it_was(tasks: Any, purpose: str) -> None:
    training = tasks.learner(DualBehaviourCloning, 2)
    training.block(3)
    state = training.state()
    wanted = [g.initial_seed() for g in training._generators[purpose]]
    training.block(3)
    training.load_state(state, 3)
    found = training._generators[purpose]
    assert [g.initial_seed() for g in found] == wanted
    assert all(g.get_state().equal(state[f"{purpose}.{m}"]) for m, g in enumerate(found))
