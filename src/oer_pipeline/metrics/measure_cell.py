"""The metrics document of a cell out of its results (layout:
`oer_pipeline.metrics.report`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.fidelity import Fidelity
from oer_pipeline.metrics.report import Success, cell_metrics
from oer_pipeline.metrics.returns_table import (
    diverged_episodes,
    has_success,
    matrix,
    next_task_returns,
    task_policy_returns,
)

if TYPE_CHECKING:
    import pandas as pd

TablesBySeed = Mapping[int, Sequence["pd.DataFrame"]]
"""Seed -> the tables of episodes evaluated after each task."""
References = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Task -> kind of behaviour -> its mean return, and success where there is any."""


def measure_cell(
    cell: Mapping[str, str],
    header: Mapping[str, int],
    results: Mapping[str, Any],
) -> dict[str, Any]:
    """The document of a cell.

    Args:
        cell: its `suite`, `quality`, `method` and name.
        header: `updates` of one training and `parameters` of its networks.
        results: `returns`, `buffer` and `fidelity`, each task -> seed -> value, and
            `references`, task -> value; no `buffer` and `fidelity` for a learner
            without.
    """
    references: References = results["references"]
    tasks = list(references)
    tables = _by_seed(results["returns"])
    buffers = _by_seed(results.get("buffer", {}))
    fidelity = _by_seed(results.get("fidelity", {}))
    first = min(tables)
    cost = {
        "updates": header["updates"] * len(results["returns"]),
        "parameters": header["parameters"],
        "replay_bytes": sum(kept.replay_bytes for kept in buffers.get(first, ())),
    }
    counted = {}
    diverged = {}
    for seed, own in tables.items():
        counted[seed] = [_count(kept) for kept in buffers.get(seed, ())]
        diverged[seed] = diverged_episodes(own)
    judged = {}
    for seed, found in fidelity.items():
        judged[seed] = [Fidelity(**values) for values in found]
    count = len(tasks)
    return cell_metrics(
        suite=cell["suite"],
        quality=cell["quality"],
        method=cell["method"],
        cell=cell["cell"],
        tasks=tasks,
        matrices=_matrices(tables, count, "return"),
        cost=cost,
        references=_mean_returns(references),
        task_policy_returns=_defined(task_policy_returns, tables, count, "return"),
        next_task_returns=_defined(next_task_returns, tables, count, "return"),
        fidelity=judged or None,
        diverged_episodes=diverged,
        success=_success(tables, references),
        buffers=counted,
    )


def _by_seed(by_task: Mapping[str, Mapping[int, Any]]) -> dict[int, list[Any]]:
    """Task -> seed -> value as seed -> the tasks' values, seeds ascending."""
    found: dict[int, list[Any]] = {}
    for by_seed in by_task.values():
        for seed in sorted(by_seed):
            found.setdefault(seed, []).append(by_seed[seed])
    return found


def _count(buffer: Any) -> dict[str, int]:
    return {"rows": len(buffer), "walked": int(buffer.walked.sum())}


def _mean_returns(references: References) -> dict[str, dict[str, float | None]] | None:
    """Task -> kind -> mean return; None where a task lacks its random policy or its
    expert."""
    means: dict[str, dict[str, float | None]] = {}
    for task, kinds in references.items():
        if not {"random", "expert"} <= set(kinds):
            return None
        means[task] = {kind: measured["mean"] for kind, measured in kinds.items()}
    return means


def _success(
    tables: TablesBySeed,
    references: References,
) -> Success | None:
    """Success in per cent, where every episode says whether it solved its task."""
    if not all(has_success(own) for own in tables.values()):
        return None
    tasks = len(references)
    rates = {task: _rates(kinds) for task, kinds in references.items()}
    return Success(
        _matrices(tables, tasks, "success"),
        rates,
        _defined(task_policy_returns, tables, tasks, "success") or {},
        _defined(next_task_returns, tables, tasks, "success") or {},
    )


def _rates(kinds: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """A task's reference success in per cent, as far as it was measured."""
    rates = {}
    for kind, measured in kinds.items():
        if measured.get("success") is not None:
            rates[kind] = 100.0 * measured["success"]
    return rates


def _matrices(
    tables: TablesBySeed,
    tasks: int,
    column: str,
) -> dict[int, FloatArray]:
    return {seed: matrix(own, tasks, column) for seed, own in tables.items()}


def _defined(
    measure: Callable[[Sequence[pd.DataFrame], int, str], FloatArray | None],
    tables: TablesBySeed,
    tasks: int,
    column: str,
) -> dict[int, FloatArray] | None:
    """Seed -> what is measured, of those seeds that have it; None where none has."""
    found = {}
    for seed, own in tables.items():
        values = measure(own, tasks, column)
        if values is not None:
            found[seed] = values
    return found or None
