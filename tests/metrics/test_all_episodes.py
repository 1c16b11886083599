"""Every episode in one table."""

from __future__ import annotations

import pandas as pd

from oer_pipeline.metrics.all_episodes import episodes_of_cell, episodes_of_cells


def table(*returns: float) -> pd.DataFrame:
    return pd.DataFrame({"policy": "deployed", "task": 1, "return": returns})


def test_each_episode_knows_its_seed_and_how_much_was_learned() -> None:
    found = episodes_of_cell(
        {"task_1": {1: table(3.0), 0: table(1.0, 2.0)}, "task_2": {0: table(4.0)}}
    )
    assert list(found) == ["seed", "learned", "policy", "task", "return"]
    assert found["return"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found["seed"].tolist() == [0, 0, 1, 0]
    assert found["learned"].tolist() == [1, 1, 1, 2]


def test_cells_follow_one_another_under_their_names() -> None:
    cells = [{"cell": "oer-x=1", "method": "oer"}, {"cell": "er", "method": "er"}]
    found = episodes_of_cells(cells, {"er": table(2.0), "oer-x=1": table(1.0)})
    assert found["method"].tolist() == ["oer", "er"]
    assert found["cell"].tolist() == ["oer-x=1", "er"]
    assert found["return"].tolist() == [1.0, 2.0]
