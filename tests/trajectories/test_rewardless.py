"""Tables, buffers and cards without rewards: absent, not zero; what asks for them says
so in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from oer_pipeline.common.errors import DataError
from oer_pipeline.dynamics.inputs_and_targets import targets_of
from oer_pipeline.learners.batches import TaskTable
from oer_pipeline.networks.policy import Standardiser
from oer_pipeline.reports.card_page import card_page
from oer_pipeline.trajectories.buffer import ReplayBuffer, read_buffer, write_buffer
from oer_pipeline.trajectories.card import data_card
from oer_pipeline.trajectories.concatenate import concatenate
from oer_pipeline.trajectories.table import (
    Trajectories,
    read_trajectories,
    write_trajectories,
)

REFERENCES = {"random": {"mean": 0.0}, "expert": {"mean": 1.0}}


@pytest.fixture
def bare(table: Trajectories) -> Trajectories:
    return replace(table, reward=None)


def test_a_table_comes_back_without(
    bare: Trajectories,
    table: Trajectories,
    tmp_path: Path,
) -> None:
    write_trajectories(tmp_path / "a.parquet", bare)
    back = read_trajectories(tmp_path / "a.parquet")
    assert back.reward is None
    assert back.content_hash() == bare.content_hash() != table.content_hash()
    assert "reward" not in pq.read_schema(tmp_path / "a.parquet").names


def test_a_table_with_rewards_is_written_as_ever(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    write_trajectories(tmp_path / "a.parquet", table)
    assert b"absent" not in pq.read_schema(tmp_path / "a.parquet").metadata


def test_only_rewards_may_be_absent(table: Trajectories, tmp_path: Path) -> None:
    """A header that says so of another column is a lie."""
    write_trajectories(tmp_path / "a.parquet", table)
    content = pq.read_table(tmp_path / "a.parquet")
    told = content.replace_schema_metadata(
        {**content.schema.metadata, b"absent": b"action"}
    )
    pq.write_table(told.drop_columns(["action"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column action is missing"):
        read_trajectories(tmp_path / "a.parquet")


def test_a_column_that_the_header_says_is_absent(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    write_trajectories(tmp_path / "a.parquet", table)
    content = pq.read_table(tmp_path / "a.parquet")
    told = content.replace_schema_metadata(
        {**content.schema.metadata, b"absent": b"reward"}
    )
    pq.write_table(told, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="SHA-256"):
        read_trajectories(tmp_path / "a.parquet")


def test_what_asks_is_told(bare: Trajectories) -> None:
    line = (
        "the data of suite cheetah_vel_signed, task 1 have no rewards; they can be"
        " cloned"
    )
    for ask in (lambda: bare.rewards, lambda: bare.returns):
        with pytest.raises(DataError, match=line):
            ask()


def test_selecting_and_joining(bare: Trajectories, table: Trajectories) -> None:
    assert bare.select([0, 1]).reward is None
    assert len(bare) == len(table)
    assert concatenate([bare, bare]).reward is None
    with pytest.raises(DataError, match="1 of 2 have no rewards; all have to, or none"):
        concatenate([bare, table])


def test_the_card_has_no_returns(bare: Trajectories, table: Trajectories) -> None:
    card, whole = data_card(bare, REFERENCES), data_card(table, REFERENCES)
    assert set(whole) - set(card) == {"returns", "normalised_return"}
    assert set(card["coverage"]) == {"observation", "action"}
    assert card["references"] == REFERENCES
    page = card_page(card, "a")
    assert "<td" in page
    assert ">none</td>" in page
    assert "Normalised" not in page
    assert ">none</td>" not in card_page(whole, "a")


def test_a_buffer_without(buffer: ReplayBuffer, tmp_path: Path) -> None:
    bare = replace(buffer, reward=None)
    write_buffer(tmp_path / "b.parquet", bare)
    back = read_buffer(tmp_path / "b.parquet")
    assert back.reward is None
    assert back.content_hash() == bare.content_hash()
    assert buffer.replay_bytes - bare.replay_bytes == 4 * len(buffer)


def test_what_would_learn_from_them_cannot(bare: Trajectories) -> None:
    """A batch's reward is NaN, so that nobody learns from zeros; a model has nothing to
    predict."""
    still = Standardiser.identity(5)
    table = TaskTable.of(bare, still, torch.device("cpu"), np.zeros((8, 0), np.float32))
    batch = table.take(torch.arange(8)[None])
    assert batch.reward.isnan().all()
    assert batch.observation.isfinite().all()
    assert not targets_of(bare)[:, -1].any()


def test_critics_are_refused_and_cloning_is_not(bare: Trajectories) -> None:
    from oer_pipeline.learners.finetune import Finetune
    from oer_pipeline.learners.settings import LearnerSettings
    from oer_pipeline.learners.task_training import TaskTraining

    def trained(base: str) -> TaskTraining:
        settings = LearnerSettings(base=base, hidden=[8], batch_size=4)
        return TaskTraining(Finetune(), settings, bare, [], None, [0])

    for base in ("td3bc", "rebrac", "iql"):
        with pytest.raises(DataError, match="have no rewards; they can be cloned"):
            trained(base)
    training = trained("bc")
    training.block(4)
    assert training.result().member(0).act_as_learned(bare.observation).shape == (8, 2)
