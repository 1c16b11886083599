"""The metrics of a cell as one JSON-able dictionary: what tables, figures, DVC and
MLflow read.

    {"suite": str, "quality": str, "method": str, "cell": str,     # cell: the method's
     preset plus what differs from it "tasks": [name, ...],
     # N, in the order learned "seeds": [int, ...],
     # S, ascending; keys below are their decimal strings "references": {task:
     {"random", "zero", "medium", "expert": mean return | null}} | null, "matrix":
     {seed: [[R[k][i], null above the diagonal], ...]},  # raw returns
     "task_policy_returns": {seed: [return | null, ...] | null}, "next_task_returns":
     {seed: [return | null, ...] | null},     # zero-shot, N - 1: on task 2 after 1, 3
     after 2, ... "fidelity": {seed: [{"visits_to_buffer", "buffer_to_visits"} | null,
     ...] | null},   # one a task "per_seed": {seed: {metric: value | null}},
     "aggregate": {metric: {"mean", "iqm", "low", "high", "method", "seeds"} | null},
     # intervals.Estimate "buffers": {seed: [{"rows", "walked"}, ...]},
     # one a task; rows - walked were filled uniformly "diverged_episodes": {seed: int},
     # evaluation episodes that the physics broke off "cost": {"updates", "parameters",
     "replay_bytes"}, "success": {                                                  # in
     per cent; absent where the suite has none
         "matrix", "task_policy", "next_task",                     # {seed: ...} of the
             shapes above
         "references": {task: {"random", "expert", ...: per cent}}}}

Metrics are those of `continual.summary` (`per`, `bwt_paper`, ..., and each
`_normalised` where references exist) and of `continual.success_summary` (each
`_success` where the suite has it), plus `fidelity_visits_to_buffer` and
`fidelity_buffer_to_visits`, the mean over the tasks that have a buffer. What is
undefined is null, never NaN and never zero. There are no dates and no wall times: equal
inputs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

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

DIRECTIONS = ("visits_to_buffer", "buffer_to_visits")
HEADLINES = (
    *("per", "bwt_paper", "plasticity", "forgetting", "zero_shot", "cloning_gap"),
    *(f"fidelity_{d}" for d in DIRECTIONS),
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

    def summary(self, seed: int, tasks: Sequence[str]) -> dict[str, float | None]:
        """One seed's metrics; `zero_shot` needs every task's random policy."""
        random = [self.references.get(task, {}).get("random") for task in tasks]
        return success_summary(
            self.matrices[seed],
            None if None in random else np.array(random, np.float64),
            self.task_policy.get(seed),
            self.next_task.get(seed),
        )

    def document(self) -> dict[str, Any]:
        """Its part of the cell's document."""
        seeds = sorted(self.matrices)
        return {
            "matrix": {str(s): _jsonable(_lower(self.matrices[s])) for s in seeds},
            "task_policy": {str(s): _jsonable(self.task_policy.get(s)) for s in seeds},
            "next_task": {str(s): _jsonable(self.next_task.get(s)) for s in seeds},
            "references": {t: _numbers(kinds) for t, kinds in self.references.items()},
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
    """The document above from each seed's matrix R (N, N), task policy returns (N,) and
    buffer fidelity per task (N).

    `task_policy_returns` is None for learners of a single policy, `next_task_returns`
    (N - 1,) for those of all tasks at once, `fidelity` for those without buffers; a
    seed may be missing from any of them.

    Raises:
        DataError: no seed, a matrix that does not fit the tasks, incomplete references.
    """
    if not matrices:
        raise DataError(
            f"cell {cell}: there is no seed to report; at least one matrix of returns"
            " is needed"
        )
    measured = References.of(tasks, references)
    seeds = sorted(matrices)
    policies = {s: (task_policy_returns or {}).get(s) for s in seeds}
    ahead = {s: (next_task_returns or {}).get(s) for s in seeds}
    judged = {s: (fidelity or {}).get(s) for s in seeds}
    per_seed = {}
    for seed in seeds:
        where = f"cell {cell}, seed {seed}"
        _check_tasks(where, len(tasks), matrices[seed], judged[seed])
        found = summary(matrices[seed], measured, policies[seed], ahead[seed])
        if success is not None:
            _check_success(where, len(tasks), success, seed)
            found |= success.summary(seed, tasks)
        per_seed[str(seed)] = found | _mean_fidelity(judged[seed])
    document = {
        "suite": suite,
        "quality": quality,
        "method": method,
        "cell": cell,
        "tasks": list(tasks),
        "seeds": seeds,
        "references": (
            None if references is None else {t: _numbers(references[t]) for t in tasks}
        ),
        "matrix": {str(s): _jsonable(_lower(matrices[s])) for s in seeds},
        "task_policy_returns": {str(s): _jsonable(policies[s]) for s in seeds},
        "next_task_returns": {str(s): _jsonable(ahead[s]) for s in seeds},
        "fidelity": {str(s): _fidelities(judged[s]) for s in seeds},
        "per_seed": per_seed,
        "aggregate": aggregate(per_seed),
        "buffers": {
            str(s): [dict(b) for b in (buffers or {}).get(s, ())] for s in seeds
        },
        "diverged_episodes": {
            str(s): (diverged_episodes or {}).get(s, 0) for s in seeds
        },
        "cost": dict(cost),
    }
    return document if success is None else document | {"success": success.document()}


def aggregate(
    per_seed: Mapping[str, Mapping[str, float | None]],
) -> dict[str, dict[str, Any] | None]:
    """Each metric's estimate over the seeds that define it, None where none does."""
    names = next(iter(per_seed.values()))
    return {
        name: _estimate(name, [values[name] for values in per_seed.values()])
        for name in names
    }


def headlines(
    aggregates: Mapping[str, Mapping[str, Any] | None],
) -> dict[str, float | None]:
    """The mean of each headline metric: what `dvc metrics` shows.

    On the success scale where there is one; and as return, normalised where there are
    references.
    """
    names = [name + SUCCESS for name in HEADLINES if name + SUCCESS in aggregates]
    names += [
        f"{name}_normalised" if f"{name}_normalised" in aggregates else name
        for name in HEADLINES
    ]
    return {
        name: None if (found := aggregates[name]) is None else found["mean"]
        for name in names
    }


def _estimate(name: str, values: Sequence[float | None]) -> dict[str, Any] | None:
    defined = [v for v in values if v is not None]
    if not defined:
        return None
    estimate = asdict(interval(defined, possible=possible(name)))
    del estimate["values"]  # they are in per_seed
    return estimate


def _mean_fidelity(tasks: Sequence[Fidelity | None] | None) -> dict[str, float | None]:
    buffers = [f for f in tasks or () if f is not None]
    means = {
        d: float(np.mean([getattr(f, d) for f in buffers])) if buffers else None
        for d in DIRECTIONS
    }
    return {f"fidelity_{direction}": mean for direction, mean in means.items()}


def _fidelities(
    tasks: Sequence[Fidelity | None] | None,
) -> list[dict[str, float] | None] | None:
    return None if tasks is None else [None if f is None else asdict(f) for f in tasks]


def _numbers(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {
        name: None if v is None or not np.isfinite(v) else float(v)
        for name, v in values.items()
    }


def _lower(R: ArrayLike) -> ArrayLike:
    returns = np.array(R, np.float64)
    returns[np.triu_indices(len(returns), 1)] = np.nan
    return returns


def _jsonable(values: ArrayLike | None) -> Any:
    """Nested lists of floats, NaN as None."""
    if values is None:
        return None
    array = np.asarray(values, np.float64).astype(object)
    array[array != array] = None  # NaN is the value that differs from itself
    return array.tolist()


def _check_success(where: str, tasks: int, success: Success, seed: int) -> None:
    if seed not in success.matrices:
        have = sorted(success.matrices)
        raise DataError(
            f"{where}: no success, but of seeds {have}; every seed has to have it"
        )
    shape = np.shape(success.matrices[seed])
    if shape != (tasks, tasks):
        raise DataError(
            f"{where}: matrix of success has shape {shape}; {tasks} tasks want"
            f" {(tasks, tasks)}"
        )


def _check_tasks(
    where: str, tasks: int, R: ArrayLike, fidelity: Sequence[Fidelity | None] | None
) -> None:
    if np.shape(R) != (tasks, tasks):
        raise DataError(
            f"{where}: matrix of returns has shape {np.shape(R)}; {tasks} tasks want"
            f" {(tasks, tasks)}"
        )
    if fidelity is not None and len(fidelity) != tasks:
        raise DataError(
            f"{where}: buffer fidelity has {len(fidelity)} entries; {tasks} tasks want"
            f" {tasks}, None or not"
        )
