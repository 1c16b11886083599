"""The table of a stored policy on further tasks."""

from __future__ import annotations

import pandas as pd

from oer_pipeline.reports.transfer_evaluation import transfer_table


def episodes(solved: int | None, of: int = 4) -> pd.DataFrame:
    """`solved` of the episodes are successes; None: the suite has none."""
    table = pd.DataFrame(
        {"head": 1, "return": [-10.0] * of, "length": 200, "diverged": False}
    )
    return (
        table
        if solved is None
        else table.assign(success=[n < solved for n in range(of)])
    )


def test_success_leads_where_there_is_any() -> None:
    seeds = {0: episodes(4), 1: episodes(3), 2: episodes(4)}
    table = transfer_table({"task_2": seeds}, 1)
    assert table.titles == (
        "task",
        "scale",
        "by then",
        "head",
        "success (%)",
        "return",
        "steps",
        "diverged",
    )
    [row] = table.rows
    assert (
        row[4] == "91.7\n[55.8, 100.0]"
    )  # 4.303 * 14.43 / sqrt(3) = 35.9 to either side, cut at 100
    assert row[5].startswith("-10.0")
    assert "share of episodes" in dict(table.notes)["success (%)"]


def test_without_success_the_table_is_as_it_was() -> None:
    table = transfer_table({"task_2": {0: episodes(None)}}, 1)
    assert table.titles == (
        "task",
        "scale",
        "by then",
        "head",
        "return",
        "steps",
        "diverged",
    )
    assert table.rows == (("task_2", "raw", "not learned", "1", "-10.0", "200", "0"),)
    assert "success" not in table.markdown()
