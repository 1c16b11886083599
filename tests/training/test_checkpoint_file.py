"""A checkpoint that is damaged, changed or another document is named and not gone on
from."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from oer_pipeline.common.errors import DataError
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.training import fit as training
from oer_pipeline.training.checkpoint import Checkpoint
from oer_pipeline.training.checkpoint_file import Kept, read, write
from oer_pipeline.training.fit import BLOCK, fit
from oer_pipeline.training.module import BlockModule
from oer_pipeline.trajectories.table import Trajectories
from tests.conftest import Count

SEEDS = (4, 2)
DAMAGES = "damaged checkpoints, none of them gone on from"
Tensors = dict[str, torch.Tensor]
Header = dict[str, str]
Damage = Callable[[Tensors, Header], None]


def flip_exponent(tensors: Tensors, _: Header) -> None:
    tensors["critic"].view(torch.int32).flatten()[5] ^= 1 << 29


def flip_last_bit(tensors: Tensors, _: Header) -> None:
    tensors["policy.adam_mean"].view(torch.int32).flatten()[5] ^= 1


def move_generator(tensors: Tensors, _: Header) -> None:
    tensors["batch.0"][24] ^= 1


def change_counter(_: Tensors, header: Header) -> None:
    header["updates"] = "200"


def counter_that_is_none(_: Tensors, header: Header) -> None:
    header["updates"] = "many"


def change_recipe(_: Tensors, header: Header) -> None:
    header["recipe"] = "0" * 64


def lose_tensor(tensors: Tensors, _: Header) -> None:
    del tensors["target_critic"]


def add_tensor(tensors: Tensors, _: Header) -> None:
    tensors["more"] = torch.zeros(3)


def rename_tensor(tensors: Tensors, _: Header) -> None:
    tensors["critics"] = tensors.pop("critic")


def exchange_tensors(tensors: Tensors, _: Header) -> None:
    one, two = "batch.0", "batch.1"
    tensors[one], tensors[two] = tensors[two], tensors[one]


def reshape_tensor(tensors: Tensors, _: Header) -> None:
    tensors["critic"] = tensors["critic"].reshape(-1)


def change_curve(tensors: Tensors, _: Header) -> None:
    tensors["history.critic"][0, 0] += 1


def lose_curve(tensors: Tensors, _: Header) -> None:
    del tensors["history.critic"]


def reorder_curves(_: Tensors, header: Header) -> None:
    names = json.loads(header["history"])
    header["history"] = json.dumps([names[0], *reversed(names[1:])])


def curves_that_are_none(_: Tensors, header: Header) -> None:
    header["history"] = "7"


def deep_curves(_: Tensors, header: Header) -> None:
    header["history"] = "[" * 100_000


def lose_hash(_: Tensors, header: Header) -> None:
    del header["sha256"]


def another_document(tensors: Tensors, header: Header) -> None:
    header.clear()
    header["task"] = "1"


CHANGES: list[Damage] = [
    flip_exponent,
    flip_last_bit,
    move_generator,
    change_counter,
    counter_that_is_none,
    change_recipe,
    lose_tensor,
    add_tensor,
    rename_tensor,
    exchange_tensors,
    reshape_tensor,
    change_curve,
    lose_curve,
    reorder_curves,
    curves_that_are_none,
    deep_curves,
    lose_hash,
    another_document,
]
CUTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"not a checkpoint",
    "cut short": lambda content: content[:-100],
    "half": lambda content: content[: len(content) // 2],
    "header alone": lambda content: content[:8],
    "longer": lambda content: content + b"\0",
    "json": lambda _: b"{}",
}


@pytest.fixture
def path(data: Trajectories, settings: LearnerSettings, tmp_path: Path) -> Path:
    """A checkpoint after the first block of a training."""
    task = TaskTraining(Finetune(), settings, data, (), None, SEEDS)
    place = tmp_path / "task_1.safetensors"
    module, keeper = BlockModule(task), Checkpoint(place, task)
    module.training_step(BLOCK, 0)
    keeper.write(module)
    return place


@pytest.fixture
def left_aside(
    data: Trajectories,
    settings: LearnerSettings,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> Callable[[], str]:
    """Resumes from the checkpoint, which changes nothing; what is said of it."""

    def resume() -> str:
        task = TaskTraining(Finetune(), settings, data, (), None, SEEDS)
        before = task.state_dict()
        keeper = Checkpoint(path, task)
        with caplog.at_level(logging.INFO, logger=training.__package__):
            keeper.resume(BlockModule(task))
        [said] = [line for line in caplog.messages if "anew" in line]
        assert str(path) in said
        assert said.endswith("; task 1 starts anew")
        assert "\n" not in said
        assert (keeper.update, task.updates) == (None, 0)
        after = task.state_dict()
        assert all(tensor.equal(after[name]) for name, tensor in before.items())
        return said

    return resume


def change(path: Path, damage: Damage) -> None:
    """Write a checkpoint again, changed, with the hash that it had."""
    with safe_open(path, "pt") as file:
        header = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    damage(tensors, header)
    save_file(tensors, path, header)


@pytest.mark.parametrize("damage", CHANGES, ids=lambda damage: damage.__name__)
def test_a_changed_checkpoint_is_named_and_left_aside(
    path: Path, left_aside: Callable[[], str], damage: Damage, count: Count
) -> None:
    change(path, damage)
    left_aside()
    count(DAMAGES, "changed in content", 1)


@pytest.mark.parametrize("cut", CUTS)
def test_a_broken_checkpoint_is_named_and_left_aside(
    path: Path, left_aside: Callable[[], str], cut: str, count: Count
) -> None:
    path.write_bytes(CUTS[cut](path.read_bytes()))
    left_aside()
    count(DAMAGES, "no whole file", 1)


def test_a_training_with_a_damaged_checkpoint_ends_as_without(
    path: Path, data: Trajectories, settings: LearnerSettings
) -> None:
    """A flipped exponent made it diverge, for ever."""
    change(path, flip_exponent)
    whole = fit(Finetune(), settings, data, (), None, SEEDS)
    again = fit(Finetune(), settings, data, (), None, SEEDS, checkpoint=path)
    tensors = again.policies.tensors()
    for name, tensor in whole.policies.tensors().items():
        assert tensor.equal(tensors[name]), name
    assert whole.curves == again.curves
    assert not path.exists()


def test_a_sound_checkpoint_is_gone_on_from(
    path: Path, data: Trajectories, settings: LearnerSettings
) -> None:
    change(path, lambda *_: None)
    task = TaskTraining(Finetune(), settings, data, (), None, SEEDS)
    keeper = Checkpoint(path, task)
    keeper.resume(BlockModule(task))
    assert (keeper.update, task.updates) == (BLOCK, BLOCK)


def test_one_flipped_bit_is_found_wherever_it_is(path: Path, count: Count) -> None:
    """What is not refused is what was written: a bit of the file's own padding."""
    content = path.read_bytes()
    sound = read(path).sha256()
    draw = random.Random(9)
    for _ in range(300):
        damaged = bytearray(content)
        place = draw.randrange(len(content))
        damaged[place] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        said = refused(path)
        if said:
            assert str(path) in said
            assert "\n" not in said
            count(DAMAGES, "one bit flipped, at random", 1)
        else:
            assert read(path).sha256() == sound


def refused(path: Path) -> str:
    """Why a checkpoint is not read; empty if it is."""
    try:
        read(path)
    except DataError as error:
        return str(error)
    return ""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.tensor([1, 2])}
    history = {"z": torch.ones(2), "update": torch.tensor([1.0, 2.0])}
    kept = Kept("recipe", 7, state, history)
    write(tmp_path / "a.safetensors", kept)
    found = read(tmp_path / "a.safetensors")
    assert (found.recipe, found.updates) == ("recipe", 7)
    assert list(found.history) == ["z", "update"]
    assert found.state["b"].equal(state["b"])
    assert found.sha256() == kept.sha256()


@pytest.mark.parametrize("wrong", ["missing", "shape", "type"])
def test_a_sound_state_of_another_training_is_put_back_nowhere(
    path: Path, left_aside: Callable[[], str], wrong: str
) -> None:
    """The hash is right, the recipe too: a learner of one's own that changed."""
    kept = read(path)
    state = dict(kept.state)
    critic = state.pop("critic")
    if wrong == "shape":
        state["critic"] = critic[..., :-1]
    elif wrong == "type":
        state["critic"] = critic.double()
    write(path, replace(kept, state=state))
    assert "not of this training: critic " in left_aside()
