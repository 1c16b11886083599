"""The metrics of a cell as one JSON-able dictionary: what tables, figures, DVC and
MLflow read.

Of N tasks and S seeds; keys that are seeds are their decimal strings.

    {
      "suite": str,
      "quality": str,
      "method": str,
      "cell": str,          # the method's preset plus what differs from it
      "tasks": [name, ...], # N, in the order learned
      "seeds": [int, ...],  # S, ascending
      "references": {task: {"random", "expert", ...: return | null}} | null,
      "matrix": {seed: [[R[k][i], null above the diagonal], ...]},  # raw returns
      "task_policy_returns": {seed: [return | null, ...] | null},
      "next_task_returns": {seed: [return | null, ...] | null},
                            # zero-shot, N - 1: on task 2 after 1, on 3 after 2, ...
      "fidelity": {seed: [{"visits_to_buffer", "buffer_to_visits"} | null, ...] | null},
                            # one per task
      "per_seed": {seed: {metric: value | null}},
      "aggregate": {metric: {"mean", "iqm", "low", "high", "method", "seeds"} | null},
                            # intervals.Estimate
      "buffers": {seed: [{"rows", "walked"}, ...]},
                            # one per task; walked: a walk led to them
      "diverged_episodes": {seed: int},
                            # evaluation episodes that the physics broke off
      "cost": {"updates", "parameters", "replay_bytes"},
      "success": {          # in per cent; absent where the suite has none
        "matrix", "task_policy", "next_task": {seed: ...},  # shapes as above
        "references": {task: {"random", "expert", ...: per cent}}
      }
    }

Metrics are those of `continual.summary` (`per`, `bwt_paper`, ..., and each
`_normalised` where references exist) and of `continual.success_summary` (each
`_success` where the suite has it), plus `fidelity_visits_to_buffer` and
`fidelity_buffer_to_visits`, the mean over the tasks that have a buffer. What is
undefined is null, never NaN and never zero. There are no dates and no wall times: equal
inputs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.continual import (
    SUCCESS,
    References,
    possible,
    success_summary,
    summary,
)
from oer_pipeline.metrics.fidelity import Fidelity
from oer_pipeline.metrics.intervals import interval

T = TypeVar("T")

DIRECTIONS = ("visits_to_buffer", "buffer_to_visits")
HEADLINES = (
    "per",
    "bwt_paper",
    "plasticity",
    "forgetting",
    "zero_shot",
    "cloning_gap",
    "fidelity_visits_to_buffer",
    "fidelity_buffer_to_visits",
)


@dataclass(frozen=True)
class Success:
    """A cell's success in per cent of episodes; keys are seeds, shapes those of the
    returns."""

    matrices: Mapping[int, ArrayLike]
    references: Mapping[str, Mapping[str, float]]
    """`{task: {"random", "expert", ...}}`, as far as they were measured."""
    task_policy: Mapping[int, ArrayLike] = field(default_factory=dict)
    next_task: Mapping[int, ArrayLike] = field(default_factory=dict)

    def summary(
        self,
        seed: int,
        tasks: Sequence[str],
    ) -> dict[str, float | None]:
        """One seed's metrics; `zero_shot` needs every task's random policy."""
        rates = [self.references.get(task, {}).get("random") for task in tasks]
        random = None
        if None not in rates:
            random = np.array(rates, np.float64)
        return success_summary(
            self.matrices[seed],
            random,
            self.task_policy.get(seed),
            self.next_task.get(seed),
        )

    def document(self) -> dict[str, Any]:
        """Its part of the cell's document."""
        seeds = sorted(self.matrices)
        references = {}
        for task, rates in self.references.items():
            references[task] = _numbers(rates)
        return {
            "matrix": _by_seed(seeds, self.matrices, _matrix),
            "task_policy": _by_seed(seeds, self.task_policy, _jsonable),
            "next_task": _by_seed(seeds, self.next_task, _jsonable),
            "references": references,
        }


def cell_metrics(
    *,
    suite: str,
    quality: str,
    method: str,
    cell: str,
    tasks: Sequence[str],
    matrices: Mapping[int, ArrayLike],
    cost: Mapping[str, int],
    references: Mapping[str, Mapping[str, float | None]] | None = None,
    task_policy_returns: Mapping[int, ArrayLike] | None = None,
    next_task_returns: Mapping[int, ArrayLike] | None = None,
    fidelity: Mapping[int, Sequence[Fidelity | None]] | None = None,
    buffers: Mapping[int, Sequence[Mapping[str, int]]] | None = None,
    diverged_episodes: Mapping[int, int] | None = None,
    success: Success | None = None,
) -> dict[str, Any]:
    """The document above.

    Mappings have a value per seed; a seed may be missing from any but `matrices`.

    Args:
        suite: its name.
        quality: of the data.
        method: a preset's name.
        cell: its name.
        tasks: names, in the order learned.
        matrices: R, (N, N).
        cost: what the cell took, as above.
        references: returns of each task's reference policies.
        task_policy_returns: (N,); None for learners of a single policy.
        next_task_returns: (N - 1,); None for learners of all tasks at once.
        fidelity: per task; None for learners without buffers.
        buffers: per task, `rows` and `walked`.
        diverged_episodes: how many the physics broke off.
        success: of the same episodes, where the suite has it.

    Raises:
        DataError: no seed, a matrix that does not fit the tasks, incomplete references.
    """
    if not matrices:
        problem = "there is no seed to report; at least one matrix of returns is needed"
        raise DataError(f"cell {cell}: {problem}")
    task_policy_returns = task_policy_returns or {}
    next_task_returns = next_task_returns or {}
    fidelity = fidelity or {}
    measured = References.of(tasks, references)
    seeds = sorted(matrices)
    per_seed = {}
    for seed in seeds:
        where = f"cell {cell}, seed {seed}"
        _check_tasks(
            where,
            len(tasks),
            matrices[seed],
            fidelity.get(seed),
        )
        metrics = summary(
            matrices[seed],
            measured,
            task_policy_returns.get(seed),
            next_task_returns.get(seed),
        )
        if success is not None:
            _check_success(
                where,
                len(tasks),
                success,
                seed,
            )
            metrics.update(success.summary(seed, tasks))
        metrics.update(_mean_fidelity(fidelity.get(seed)))
        per_seed[str(seed)] = metrics
    document = {
        "suite": suite,
        "quality": quality,
        "method": method,
        "cell": cell,
        "tasks": list(tasks),
        "seeds": seeds,
        "references": _references(tasks, references),
        "matrix": _by_seed(seeds, matrices, _matrix),
        "task_policy_returns": _by_seed(seeds, task_policy_returns, _jsonable),
        "next_task_returns": _by_seed(seeds, next_task_returns, _jsonable),
        "fidelity": _by_seed(seeds, fidelity, _fidelities),
        "per_seed": per_seed,
        "aggregate": aggregate(per_seed),
        "buffers": _by_seed(seeds, buffers or {}, _buffers),
        "diverged_episodes": _by_seed(seeds, diverged_episodes or {}, _count),
        "cost": dict(cost),
    }
    if success is not None:
        document["success"] = success.document()
    return document


def aggregate(
    per_seed: Mapping[str, Mapping[str, float | None]],
) -> dict[str, dict[str, Any] | None]:
    """Each metric's estimate over the seeds that define it, None where none does."""
    estimates = {}
    for name in next(iter(per_seed.values())):
        values = [metrics[name] for metrics in per_seed.values()]
        estimates[name] = _estimate(name, values)
    return estimates


def headlines(
    aggregates: Mapping[str, Mapping[str, Any] | None],
) -> dict[str, float | None]:
    """The mean of each headline metric: what `dvc metrics` shows.

    On the success scale where there is one; and as return, normalised where there are
    references.
    """
    names = []
    for name in HEADLINES:
        if name + SUCCESS in aggregates:
            names.append(name + SUCCESS)
    for name in HEADLINES:
        normalised = f"{name}_normalised"
        names.append(normalised if normalised in aggregates else name)
    means = {}
    for name in names:
        estimate = aggregates[name]
        means[name] = None if estimate is None else estimate["mean"]
    return means


def _estimate(
    name: str,
    values: Sequence[float | None],
) -> dict[str, Any] | None:
    defined = [value for value in values if value is not None]
    if not defined:
        return None
    estimate = asdict(interval(defined, possible=possible(name)))
    del estimate["values"]  # they are in per_seed
    return estimate


def _mean_fidelity(
    tasks: Sequence[Fidelity | None] | None,
) -> dict[str, float | None]:
    """Over the tasks that have a buffer."""
    buffers = [fidelity for fidelity in tasks or () if fidelity is not None]
    means: dict[str, float | None] = {}
    for direction in DIRECTIONS:
        distances = [getattr(fidelity, direction) for fidelity in buffers]
        mean = float(np.mean(distances)) if distances else None
        means[f"fidelity_{direction}"] = mean
    return means


def _by_seed(
    seeds: Sequence[int],
    values: Mapping[int, T],
    jsonable: Callable[[T | None], Any],
) -> dict[str, Any]:
    """Each seed's value, as JSON has it; None, where a seed has none, as well."""
    by_seed = {}
    for seed in seeds:
        by_seed[str(seed)] = jsonable(values.get(seed))
    return by_seed


def _references(
    tasks: Sequence[str],
    references: Mapping[str, Mapping[str, float | None]] | None,
) -> dict[str, Any] | None:
    if references is None:
        return None
    return {task: _numbers(references[task]) for task in tasks}


def _numbers(values: Mapping[str, float | None]) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {}
    for name, value in values.items():
        numbers[name] = None
        if value is not None and np.isfinite(value):
            numbers[name] = float(value)
    return numbers


def _fidelities(
    tasks: Sequence[Fidelity | None] | None,
) -> list[dict[str, float] | None] | None:
    if tasks is None:
        return None
    distances: list[dict[str, float] | None] = []
    for fidelity in tasks:
        distances.append(None if fidelity is None else asdict(fidelity))
    return distances


def _buffers(tasks: Sequence[Mapping[str, int]] | None) -> list[dict[str, int]]:
    return [dict(buffer) for buffer in tasks or ()]


def _count(episodes: int | None) -> int:
    return episodes or 0


def _matrix(R: ArrayLike | None) -> Any:
    """As `_jsonable`, null above the diagonal whatever stood there."""
    returns = np.array(R, np.float64)
    returns[np.triu_indices(len(returns), 1)] = np.nan
    return _jsonable(returns)


def _jsonable(values: ArrayLike | None) -> Any:
    """Nested lists of floats, NaN as None."""
    if values is None:
        return None
    array = np.asarray(values, np.float64).astype(object)
    array[array != array] = None  # NaN is the value that differs from itself
    return array.tolist()


def _check_success(
    where: str,
    tasks: int,
    success: Success,
    seed: int,
) -> None:
    if seed not in success.matrices:
        others = sorted(success.matrices)
        problem = f"no success, but of seeds {others}; every seed has to have it"
        raise DataError(f"{where}: {problem}")
    _check_shape(
        where,
        "success",
        tasks,
        success.matrices[seed],
    )


def _check_tasks(
    where: str,
    tasks: int,
    R: ArrayLike,
    fidelity: Sequence[Fidelity | None] | None,
) -> None:
    _check_shape(
        where,
        "returns",
        tasks,
        R,
    )
    if fidelity is not None and len(fidelity) != tasks:
        problem = f"buffer fidelity has {len(fidelity)} entries"
        wanted = f"{tasks} tasks want {tasks}, None or not"
        raise DataError(f"{where}: {problem}; {wanted}")


def _check_shape(
    where: str,
    what: str,
    tasks: int,
    R: ArrayLike,
) -> None:
    wanted = (tasks, tasks)
    if np.shape(R) != wanted:
        problem = f"matrix of {what} has shape {np.shape(R)}"
        raise DataError(f"{where}: {problem}; {tasks} tasks want {wanted}")
