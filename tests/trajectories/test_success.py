"""A table of a suite with success says of every row whether its episode solved the
task; others say nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.reports.card_page import card_page
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.rollout import Episodes
from oer_pipeline.trajectories.card import data_card
from oer_pipeline.trajectories.concatenate import concatenate
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl, write_d4rl
from oer_pipeline.trajectories.exchange.minari import read_minari, write_minari
from oer_pipeline.trajectories.exchange.round_trip import restore
from oer_pipeline.trajectories.qualities import cut
from oer_pipeline.trajectories.table import (
    Trajectories,
    read_trajectories,
    write_trajectories,
)
from tests.trajectories.conftest import make_table


@pytest.fixture
def solved(table: Trajectories) -> Trajectories:
    """Episodes of 3, 1 and 4 rows, the first and the last solved."""
    return replace(table, success=np.repeat([True, False, True], [3, 1, 4]))


def test_it_is_a_column_where_there_is_one(
    solved: Trajectories,
    table: Trajectories,
    tmp_path: Path,
) -> None:
    write_trajectories(tmp_path / "with.parquet", solved)
    write_trajectories(tmp_path / "without.parquet", table)
    back = read_trajectories(tmp_path / "with.parquet")
    assert back.success is not None
    np.testing.assert_array_equal(back.success, solved.success)
    assert back.solved is not None
    assert back.solved.tolist() == [True, False, True]
    assert "success" in pq.read_schema(tmp_path / "with.parquet").names
    assert "success" not in pq.read_schema(tmp_path / "without.parquet").names
    assert read_trajectories(tmp_path / "without.parquet").solved is None
    assert back.content_hash() != table.content_hash()


def test_a_table_without_has_the_hash_that_it_always_had(table: Trajectories) -> None:
    assert (
        table.content_hash()
        == "394b553fd6495487b4479f5f7b4a211a199ccfda4265052a1027777317f49e60"
    )


def test_rows_keep_it(solved: Trajectories) -> None:
    part = solved.select(slice(3, 8))
    assert part.solved is not None
    assert part.solved.tolist() == [False, True]


def test_tables_are_joined_with_it_or_without(
    solved: Trajectories,
    table: Trajectories,
) -> None:
    both = concatenate([solved, solved])
    assert both.solved is not None
    assert both.solved.tolist() == [True, False, True] * 2
    assert concatenate([table, table]).success is None
    with pytest.raises(
        DataError,
        match="1 of 2 tables have the column success; all must have it, or none",
    ):
        concatenate([solved, table])


def test_an_episode_of_two_minds_is_refused(
    solved: Trajectories,
    tmp_path: Path,
) -> None:
    assert solved.success is not None
    odd = solved.success.copy()
    odd[6] = False
    with pytest.raises(
        DataError, match="success, row 5: must be the same in all rows of an episode"
    ):
        write_trajectories(tmp_path / "x.parquet", replace(solved, success=odd))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("layout", ["d4rl", "minari"])
def test_it_goes_out_and_comes_back(
    solved: Trajectories,
    tmp_path: Path,
    layout: str,
) -> None:
    if layout == "d4rl":
        write_d4rl(tmp_path / "out.hdf5", solved)
        back = restore(read_d4rl(tmp_path / "out.hdf5"))
    else:
        write_minari(tmp_path / "out", solved, "own/out-v0")
        back = restore(read_minari(tmp_path / "out" / "data" / "main_data.hdf5"))
    assert isinstance(back, Trajectories)
    assert back.content_hash() == solved.content_hash()


def test_the_card_shows_its_rate(solved: Trajectories, table: Trajectories) -> None:
    references = {
        name: {"mean": mean, "success": mean / 10}
        for name, mean in (("random", 0.0), ("expert", 9.0))
    }
    card = data_card(solved, references)
    assert card["success_rate"] == pytest.approx(2 / 3)
    page = card_page(card, "solved")
    assert "67% of the episodes solved the task" in page
    assert '<th scope="col">success</th>' in page
    assert "0.9" in page
    plain = card_page(
        data_card(
            table, {name: {"mean": of["mean"]} for name, of in references.items()}
        ),
        "plain",
    )
    assert "success_rate" not in data_card(table)
    assert "uccess" not in plain


def test_a_quality_is_cut_with_it() -> None:
    raw = {
        kind: make_table((4, 4), seed) for seed, kind in enumerate(("medium", "random"))
    }
    told = {
        k: replace(t, success=np.repeat([k == "medium", False], 4))
        for k, t in raw.items()
    }
    data = cut("medium_random", told, 16)
    assert data.solved is not None
    assert data.solved.tolist() == [True, False, False, False]


def test_roll_outs_say_it_where_the_family_does() -> None:
    length = np.array([2, 0, 3], np.int32)
    episodes = Episodes(
        observation=np.zeros((3, 4, 2), np.float32),
        action=np.zeros((3, 3, 1), np.float32),
        reward=np.zeros((3, 3), np.float32),
        terminal=np.zeros(3, bool),
        diverged=np.array([True, True, False]),
        length=length,
        success=np.array([True, True, False]),
    )
    told = table_from_episodes(episodes, {}, 3, has_success=True)
    assert told.success is not None
    assert told.success.tolist() == [True, True, False, False, False]
    assert table_from_episodes(episodes, {}, 3).success is None
