"""From every episode's return to the matrix R (method, section 8).

A table holds the episodes evaluated after k tasks: `deployed` on tasks 1..k, `task` on k where the learner has a task
policy, `zero_shot` on k + 1 where the sequence goes on. A learner of all tasks at once has a single table, k = N.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd


def matrix(tables: Sequence[pd.DataFrame], tasks: int) -> FloatArray:
    """R (N, N) of one seed, NaN above the diagonal and in rows that no table fills."""
    R = np.full((tasks, tasks), np.nan)
    for table in tables:
        means = table[table["policy"] == "deployed"].groupby("task")["return"].mean()
        R[len(means) - 1, : len(means)] = means.sort_index().to_numpy()
    return R


def diverged_episodes(tables: Sequence[pd.DataFrame]) -> int:
    """How many of one seed's evaluation episodes the physics broke off."""
    return sum(int(table["diverged"].sum()) for table in tables)


def task_policy_returns(tables: Sequence[pd.DataFrame], tasks: int) -> FloatArray | None:
    """The task policy's return right after learning each task, (N,); None for learners of a single policy."""
    return _by_task(tables, "task", tasks)


def next_task_returns(tables: Sequence[pd.DataFrame], tasks: int) -> FloatArray | None:
    """Zero-shot returns on tasks 2..N right before learning each, (N - 1,); None where there are none."""
    found = _by_task(tables, "zero_shot", tasks)
    return None if found is None else found[1:]


def _by_task(tables: Sequence[pd.DataFrame], policy: str, tasks: int) -> FloatArray | None:
    """One policy's mean return on each task, (N,), NaN on those that it was not run on; None without any."""
    returns = np.full(tasks, np.nan)
    for table in tables:
        for task, mean in table[table["policy"] == policy].groupby("task")["return"].mean().items():
            returns[int(str(task)) - 1] = mean
    return None if np.isnan(returns).all() else returns
