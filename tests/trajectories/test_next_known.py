"""The mark of rows whose next observation nobody knows goes wherever they go, and is
not there where all are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.reports.card_page import card_page
from oer_pipeline.trajectories.buffer import ReplayBuffer, read_buffer, write_buffer
from oer_pipeline.trajectories.card import data_card
from oer_pipeline.trajectories.concatenate import concatenate
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl
from oer_pipeline.trajectories.exchange.export import export
from oer_pipeline.trajectories.exchange.minari import read_minari
from oer_pipeline.trajectories.exchange.round_trip import TableOrBuffer, restore
from oer_pipeline.trajectories.qualities import cut
from oer_pipeline.trajectories.table import (
    Trajectories,
    read_trajectories,
    validate_trajectories,
    write_trajectories,
)
from tests.trajectories.foreign import d4rl_columns, imported, write_d4rl_file

KNOWN = np.arange(8) != 2  # row 2 of the table is its terminal one
HASH = "394b553fd6495487"


@pytest.fixture
def marked(table: Trajectories) -> Trajectories:
    return replace(table, next_known=KNOWN)


def _file(folder: Path, data: TableOrBuffer) -> Path:
    path = folder / "data.parquet"
    if isinstance(data, Trajectories):
        write_trajectories(path, data)
    else:
        write_buffer(path, data)
    return path


def test_all_known_is_said_in_one_way_which_leaves_no_trace(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    """Hash and columns are those of the releases before the mark."""
    said = replace(table, next_known=np.ones(8, bool))
    assert said.next_known is None
    assert said.known.all()
    assert said.content_hash() == table.content_hash()
    assert table.content_hash().startswith(HASH)
    schema = pq.read_schema(_file(tmp_path, said))
    assert "next_known" not in schema.names
    assert b"optional" not in schema.metadata
    assert read_trajectories(tmp_path / "data.parquet").next_known is None
    assert "unknown_next_observations" not in data_card(said)


def test_the_mark_is_kept_in_a_file_and_counts_in_its_hash(
    table: Trajectories,
    marked: Trajectories,
    tmp_path: Path,
) -> None:
    back = read_trajectories(_file(tmp_path, marked))
    assert back.next_known is not None
    assert back.next_known.tolist() == KNOWN.tolist()
    assert back.content_hash() == marked.content_hash() != table.content_hash()


@pytest.mark.parametrize("lost", ["column", "name"])
def test_a_file_that_lost_the_mark_is_refused(
    marked: Trajectories,
    tmp_path: Path,
    lost: str,
) -> None:
    path = _file(tmp_path, marked)
    content = pq.read_table(path)
    if lost == "column":
        content, says = (
            content.drop_columns(["next_known"]),
            "column next_known is missing",
        )
    else:
        kept = {k: v for k, v in content.schema.metadata.items() if k != b"optional"}
        content, says = (
            content.replace_schema_metadata(kept),
            "the content's SHA-256 is",
        )
    pq.write_table(content, path)
    with pytest.raises(DataError, match=says):
        read_trajectories(path)


def test_only_a_terminal_row_may_be_followed_by_something_unknown(
    table: Trajectories,
) -> None:
    odd = replace(table, next_known=np.isin(np.arange(8), [2, 7], invert=True))
    says = (
        "column next_known, row 7: must be true where the row is not terminal; found"
        " False"
    )
    with pytest.raises(DataError, match=says):
        validate_trajectories(odd, "here")
    with pytest.raises(DataError, match="column next_known: found int64"):
        validate_trajectories(replace(table, next_known=KNOWN.astype(np.int64)), "here")  # type: ignore[arg-type]


def test_parts_and_sums_of_tables_keep_it(marked: Trajectories) -> None:
    assert marked.select(slice(4, 8)).next_known is None
    assert marked.select(np.array([3, 2])).known.tolist() == [True, False]
    both = concatenate([marked.select(slice(3, 8)), marked])
    assert np.flatnonzero(~both.known).tolist() == [7]
    units = {"action_low": [-2.0, -2.0], "action_high": [2.0, 2.0]}
    wide = replace(marked, metadata={**marked.metadata, **units})
    assert np.flatnonzero(~wide.scaled().known).tolist() == [2]
    assert np.flatnonzero(~cut("medium", {"medium": marked}, 5).known).tolist() == [2]


def test_a_buffer_keeps_it(buffer: ReplayBuffer, tmp_path: Path) -> None:
    terminal = replace(buffer, terminal=np.array([False, True, False]))
    marked = replace(terminal, next_known=~terminal.terminal)
    path = _file(tmp_path, marked)
    back = read_buffer(path)
    assert back.next_known is not None
    assert back.next_known.tolist() == [True, False, True]
    assert back.content_hash() == marked.content_hash() != terminal.content_hash()
    with pytest.raises(DataError, match="column next_known, row 0: must be true where"):
        write_buffer(path, replace(buffer, next_known=np.array([False, True, True])))


@pytest.mark.parametrize("what", ["table", "buffer"])
@pytest.mark.parametrize("layout", ["d4rl", "minari"])
def test_exports_bring_it_back(
    marked: Trajectories,
    buffer: ReplayBuffer,
    tmp_path: Path,
    what: str,
    layout: str,
) -> None:
    data: TableOrBuffer = marked
    if what == "buffer":
        terminal = np.array([False, True, False])
        data = replace(buffer, terminal=terminal, next_known=~terminal)
    out = tmp_path / ("out.hdf5" if layout == "d4rl" else "out")
    export(_file(tmp_path, data), out, layout)
    found = (
        read_d4rl(out) if layout == "d4rl" else read_minari(out / "data/main_data.hdf5")
    )
    back = restore(found)
    assert back.content_hash() == data.content_hash()
    assert back.next_known is not None
    if what == "table":
        assert imported(out, layout).content_hash() == data.content_hash()


def test_a_mark_comes_with_a_source_of_ours(
    marked: Trajectories,
    tmp_path: Path,
) -> None:
    found = imported(_file(tmp_path, marked), "parquet")
    assert np.flatnonzero(~found.known).tolist() == [2]


def test_a_time_out_is_not_made_of_what_nobody_knows(
    make: Callable[..., Trajectories],
    tmp_path: Path,
) -> None:
    """It would bootstrap from the observation that only fills the place."""
    table = make((4, 3))
    marked = replace(table, next_known=~table.terminal)
    with pytest.raises(DataError, match="column next_known, row 3: must be true where"):
        imported(_file(tmp_path, marked), "parquet", terminals_at_horizon="timeout")


def test_an_import_without_next_observations_marks_terminal_rows(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    columns = d4rl_columns(table)
    del columns["next_observations"]
    found = imported(write_d4rl_file(tmp_path / "a.hdf5", columns), "d4rl")
    assert (
        np.flatnonzero(~found.known).tolist()
        == np.flatnonzero(found.terminal).tolist()
        == [2]
    )
    card = json.loads(json.dumps(data_card(found)))
    assert card["unknown_next_observations"] == 1
    assert card["mended"]["next_observations_derived"] == 5
    assert "not known in 1 terminal rows" in card_page(card, "a card")


def test_an_import_with_next_observations_knows_them(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    found = imported(write_d4rl_file(tmp_path / "a.hdf5", d4rl_columns(table)), "d4rl")
    assert found.next_known is None
