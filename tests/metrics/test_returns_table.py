"""From episodes to R: learners of one task after the other, and of all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from oer_pipeline.metrics.returns_table import (
    diverged_episodes,
    has_success,
    matrix,
    next_task_returns,
    task_policy_returns,
)

NAN = np.nan


def table(**returns: list[float]) -> pd.DataFrame:
    """`deployed_2=[3.0, 5.0]`: two episodes of the deployed policy on task 2."""
    rows: list[dict[str, Any]] = []
    for name, values in returns.items():
        policy, _, task = name.rpartition("_")
        rows += [
            {"policy": policy, "task": int(task), "return": v, "diverged": v < 0}
            for v in values
        ]
    return pd.DataFrame(rows)


ONE_BY_ONE = [
    table(deployed_1=[1.0, 3.0], zero_shot_2=[-8.0, -6.0], task_1=[4.0]),
    table(deployed_1=[0.0], deployed_2=[5.0], zero_shot_3=[9.0], task_2=[6.0]),
    table(deployed_1=[1.0], deployed_2=[2.0], deployed_3=[3.0], task_3=[7.0]),
]


def test_one_task_after_the_other() -> None:
    np.testing.assert_array_equal(
        matrix(ONE_BY_ONE, 3), [[2, NAN, NAN], [0, 5, NAN], [1, 2, 3]]
    )
    np.testing.assert_array_equal(task_policy_returns(ONE_BY_ONE, 3), [4, 6, 7])
    np.testing.assert_array_equal(next_task_returns(ONE_BY_ONE, 3), [-7, 9])
    assert diverged_episodes(ONE_BY_ONE) == 2


def test_all_tasks_at_once() -> None:
    last = [table(deployed_2=[2.0], deployed_1=[1.0], deployed_3=[3.0])]
    np.testing.assert_array_equal(matrix(last, 3), [[NAN] * 3, [NAN] * 3, [1, 2, 3]])
    assert task_policy_returns(last, 3) is None
    assert next_task_returns(last, 3) is None


def test_one_task_has_no_next() -> None:
    assert next_task_returns([table(deployed_1=[1.0])], 1) is None


def solved(**shares: list[bool]) -> pd.DataFrame:
    """`deployed_2=[True, False]`: two episodes on task 2, one of them a success."""
    rows: list[dict[str, Any]] = []
    for name, values in shares.items():
        policy, _, task = name.rpartition("_")
        rows += [
            {"policy": policy, "task": int(task), "return": 0.0, "success": v}
            for v in values
        ]
    return pd.DataFrame(rows)


def test_success_is_the_share_of_episodes_in_per_cent() -> None:
    tables = [
        solved(
            deployed_1=[True, True, True, False],
            zero_shot_2=[False, True],
            task_1=[True],
        ),
        solved(deployed_1=[False], deployed_2=[True, False], task_2=[True, True]),
    ]
    assert has_success(tables)
    np.testing.assert_array_equal(matrix(tables, 2, "success"), [[75, NAN], [0, 50]])
    np.testing.assert_array_equal(task_policy_returns(tables, 2, "success"), [100, 100])
    np.testing.assert_array_equal(next_task_returns(tables, 2, "success"), [50])
    np.testing.assert_array_equal(matrix(tables, 2), [[0, NAN], [0, 0]])
    assert not has_success([*tables, ONE_BY_ONE[0]])
