"""What a stored policy earns on tasks of its suite, learned or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.reports.cells import TITLES
from oer_pipeline.reports.tables import INTERVALS, Table, number

if TYPE_CHECKING:
    import pandas as pd


def elsewhere_table(
    returns: Mapping[str, Mapping[int, pd.DataFrame]], learned: int
) -> Table:
    """One row a task from every seed's episodes: success in %, where the suite has it,
    and raw returns.

    Columns that are read: `return`, `length`, `diverged`, `head`, and `success` if it
    is there.
    """
    rows, methods = [], set()
    succeeds = all(
        "success" in table for by_seed in returns.values() for table in by_seed.values()
    )
    for task, by_seed in returns.items():
        first = next(iter(by_seed.values()))
        means = interval([float(t["return"].mean()) for t in by_seed.values()])
        steps = interval([float(t["length"].mean()) for t in by_seed.values()])
        diverged = sum(int(t["diverged"].sum()) for t in by_seed.values())
        position, head = int(task.removeprefix("task_")), int(first["head"].iloc[0])
        known = "learned" if position <= learned else "not learned"
        success = (number(_success(by_seed.values()), 1),) if succeeds else ()
        numbers = (*success, number(means, 1), number(steps, 0), str(diverged))
        rows.append((task, "raw", known, str(head), *numbers))
        methods.add(means.method)
    leading = (TITLES["success"],) if succeeds else ()
    titles = (
        "task",
        "scale",
        "by then",
        "head",
        *leading,
        "return",
        "steps",
        "diverged",
    )
    explained = (
        ((TITLES["success"], "share of episodes in which some step solved the task"),)
        if succeeds
        else ()
    )
    notes = (
        (
            "by then",
            f"whether the policy has learned the task, having learned {learned}",
        ),
        (
            "head",
            "a learned task's own; the newest for one that was not learned (zero shot)",
        ),
        *explained,
        (
            "diverged",
            (
                "episodes that the physics broke off, over all seeds; continued at the"
                " worst reward of random actions"
            ),
        ),
        (
            "numbers",
            "; ".join(text for kind, text in INTERVALS.items() if kind in methods),
        ),
    )
    return Table(titles, tuple(rows), notes)


def _success(tables: Iterable[pd.DataFrame]) -> Estimate:
    rates = [100.0 * float(table["success"].mean()) for table in tables]
    return interval(rates, possible=(0.0, 100.0))
