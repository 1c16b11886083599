"""Every evaluation episode of a cell, and of several, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def episodes_of_cell(
    returns: Mapping[str, Mapping[int, pd.DataFrame]],
) -> pd.DataFrame:
    """A row per episode: `seed`, `learned` (how many tasks), and the columns of
    `metrics.episodes`.

    Args:
        returns: task `task_k` -> seed -> the episodes after learning k tasks.
    """
    import pandas as pd

    parts = []
    for task, by_seed in returns.items():
        learned = int(task.removeprefix("task_"))
        for seed in sorted(by_seed):
            table = by_seed[seed].copy()
            table.insert(0, "learned", learned)
            table.insert(0, "seed", seed)
            parts.append(table)
    return pd.concat(parts, ignore_index=True)


def episodes_of_cells(
    cells: Sequence[Mapping[str, Any]], episodes: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """The cells' episodes one after the other, with `method` and `cell` before.

    Args:
        cells: metrics documents, in order.
        episodes: name of a cell -> `episodes_of_cell`.
    """
    import pandas as pd

    parts = []
    for cell in cells:
        table = episodes[cell["cell"]].copy()
        table.insert(0, "cell", cell["cell"])
        table.insert(0, "method", cell["method"])
        parts.append(table)
    return pd.concat(parts, ignore_index=True)
