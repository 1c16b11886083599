"""What a stored policy earns on tasks of its suite, learned or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.reports.cell_metrics import TITLES
from oer_pipeline.reports.table import Table
from oer_pipeline.reports.tables import explain_numbers, number

if TYPE_CHECKING:
    import pandas as pd

BEFORE = ("task", "scale", "by then", "head")
AFTER = ("return", "steps", "diverged")
HEAD_EXPLAINED = (
    "a learned task's own; the newest for one that was not learned (zero shot)"
)
DIVERGED_EXPLAINED = (
    "episodes that the physics broke off, over all seeds; continued at the worst reward"
    " of random actions"
)
PERCENT = (0.0, 100.0)


def transfer_table(
    returns: Mapping[str, Mapping[int, pd.DataFrame]], learned: int
) -> Table:
    """One row per task from every seed's episodes: success in %, where the suite has
    it, and raw returns.

    Args:
        returns: task -> seed -> its episodes, with the columns `return`, `length`,
            `diverged`, `head`, and `success` if the suite has it.
        learned: how many tasks the policy had learned.
    """
    tables = []
    for by_seed in returns.values():
        tables += list(by_seed.values())
    succeeds = all("success" in table for table in tables)
    rows = []
    methods = set()
    for task, by_seed in returns.items():
        seeds = list(by_seed.values())
        means = interval([float(table["return"].mean()) for table in seeds])
        rows.append(
            _row(
                task,
                seeds,
                means,
                learned,
                succeeds,
            )
        )
        methods.add(means.method)
    by_then = f"whether the policy has learned the task, having learned {learned}"
    notes = [("by then", by_then), ("head", HEAD_EXPLAINED)]
    titles = [*BEFORE, *AFTER]
    if succeeds:
        titles.insert(len(BEFORE), TITLES["success"])
        explained = "share of episodes in which some step solved the task"
        notes.append((TITLES["success"], explained))
    notes.append(("diverged", DIVERGED_EXPLAINED))
    notes.append(("numbers", explain_numbers(methods)))
    return Table(
        tuple(titles),
        tuple(rows),
        tuple(notes),
        words=2,
        group_by=1,
    )


def _row(
    task: str,
    seeds: Sequence[pd.DataFrame],
    returns: Estimate,
    learned: int,
    succeeds: bool,
) -> tuple[str, ...]:
    """A task's row, from a table per seed and the estimate of its return."""
    position = int(task.removeprefix("task_"))
    row = [task, "raw", "learned" if position <= learned else "not learned"]
    row.append(str(int(seeds[0]["head"].iloc[0])))
    if succeeds:
        rates = [100.0 * float(table["success"].mean()) for table in seeds]
        row.append(number(interval(rates, possible=PERCENT), 1))
    lengths = interval([float(table["length"].mean()) for table in seeds])
    diverged = sum(int(table["diverged"].sum()) for table in seeds)
    return (*row, number(returns, 1), number(lengths, 0), str(diverged))
