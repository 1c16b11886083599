"""From every episode's return to the matrix R (method, section 8).

A table holds the episodes evaluated after k tasks: `deployed` on tasks 1..k, `task` on
k where the learner has a task policy, `zero_shot` on k + 1 where the sequence goes on.
A learner of all tasks at once has a single table, k = N.

Each function reads the column `return`, or `success` where the suite has it: the share
of episodes in per cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.common.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd


def has_success(tables: Sequence[pd.DataFrame]) -> bool:
    """Whether every table says which episodes solved their task."""
    return all("success" in table for table in tables)


def matrix(
    tables: Sequence[pd.DataFrame],
    tasks: int,
    column: str = "return",
) -> FloatArray:
    """R (N, N) of one seed, NaN above the diagonal and in rows that no table fills.

    Args:
        tables: of one seed, in any order.
        tasks: N.
        column: `return` or `success`.
    """
    R = np.full((tasks, tasks), np.nan)
    for table in tables:
        means = task_means(table, "deployed", column)
        learned = len(means)
        R[learned - 1, :learned] = means.to_numpy()
    return R


def task_means(
    table: pd.DataFrame,
    policy: str,
    column: str,
) -> pd.Series[float]:
    """One policy's mean on every task that it was run on, tasks ascending; of success
    in per cent.

    Args:
        table: of one seed, after some task.
        policy: `deployed`, `task` or `zero_shot`.
        column: `return` or `success`.
    """
    episodes = table[table["policy"] == policy]
    means = episodes.groupby("task")[column].mean().sort_index()
    if column == "success":
        return 100.0 * means
    return means


def diverged_episodes(tables: Sequence[pd.DataFrame]) -> int:
    """How many of one seed's evaluation episodes the physics broke off."""
    return sum(int(table["diverged"].sum()) for table in tables)


def task_policy_returns(
    tables: Sequence[pd.DataFrame],
    tasks: int,
    column: str = "return",
) -> FloatArray | None:
    """The task policy's return right after learning each task, (N,); None for learners
    of a single policy.

    Args:
        tables: of one seed, in any order.
        tasks: N.
        column: `return` or `success`.
    """
    return _by_task(
        tables,
        "task",
        tasks,
        column,
    )


def next_task_returns(
    tables: Sequence[pd.DataFrame],
    tasks: int,
    column: str = "return",
) -> FloatArray | None:
    """Zero-shot returns on tasks 2..N right before learning each, (N - 1,); None where
    there are none.

    Args:
        tables: of one seed, in any order.
        tasks: N.
        column: `return` or `success`.
    """
    returns = _by_task(
        tables,
        "zero_shot",
        tasks,
        column,
    )
    if returns is None:
        return None
    return returns[1:]


def _by_task(
    tables: Sequence[pd.DataFrame],
    policy: str,
    tasks: int,
    column: str,
) -> FloatArray | None:
    """One policy's mean return on each task, (N,), NaN on those that it was not run on;
    None without any."""
    returns = np.full(tasks, np.nan)
    for table in tables:
        means = task_means(table, policy, column)
        for task, mean in means.items():
            returns[int(str(task)) - 1] = mean
    if np.isnan(returns).all():
        return None
    return returns
