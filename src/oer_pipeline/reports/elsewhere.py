"""What a stored policy earns on tasks of its suite, learned or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from oer_pipeline.metrics.intervals import interval
from oer_pipeline.reports.tables import INTERVALS, Table, number

if TYPE_CHECKING:
    import pandas as pd


def elsewhere_table(returns: Mapping[str, Mapping[int, pd.DataFrame]], learned: int) -> Table:
    """One row a task from every seed's episodes (columns `return`, `length`, `diverged`, `head`); raw returns."""
    rows, methods = [], set()
    for task, by_seed in returns.items():
        first = next(iter(by_seed.values()))
        means = interval([float(t["return"].mean()) for t in by_seed.values()])
        steps = interval([float(t["length"].mean()) for t in by_seed.values()])
        diverged = sum(int(t["diverged"].sum()) for t in by_seed.values())
        position, head = int(task.removeprefix("task_")), int(first["head"].iloc[0])
        known = "learned" if position <= learned else "not learned"
        rows.append((task, "raw", known, str(head), number(means, 1), number(steps, 0), str(diverged)))
        methods.add(means.method)
    titles = ("task", "scale", "by then", "head", "return", "steps", "diverged")
    notes = (
        ("by then", f"whether the policy has learned the task, having learned {learned}"),
        ("head", "a learned task's own; the newest for one that was not learned (zero shot)"),
        (
            "diverged",
            "episodes that the physics broke off, over all seeds; continued at the worst reward of random actions",
        ),
        ("numbers", "; ".join(text for kind, text in INTERVALS.items() if kind in methods)),
    )
    return Table(titles, tuple(rows), notes)
