"""From every episode's return to the matrix R (method, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd


def matrix(tables: Sequence[pd.DataFrame]) -> FloatArray:
    """R (N, N) of one seed, NaN above the diagonal; `tables[k]` holds the episodes evaluated after task k + 1."""
    R = np.full((len(tables), len(tables)), np.nan)
    for k, table in enumerate(tables):
        means = table[table["policy"] == "deployed"].groupby("task")["return"].mean()
        R[k, : k + 1] = means.sort_index().to_numpy()
    return R


def diverged_episodes(tables: Sequence[pd.DataFrame]) -> int:
    """How many of one seed's evaluation episodes the physics broke off."""
    return sum(int(table["diverged"].sum()) for table in tables)


def task_policy_returns(tables: Sequence[pd.DataFrame]) -> FloatArray | None:
    """The task policy's return right after learning each task, (N,); None for learners of a single policy."""
    own = [table[table["policy"] == "task"]["return"] for table in tables]
    return np.array([returns.mean() for returns in own]) if all(map(len, own)) else None
