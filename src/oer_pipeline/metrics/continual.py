"""Continual metrics as pure functions of one seed's matrix of returns (method, section
8).

`R` has shape (N, N): R[k, i] is the mean undiscounted return on task i after learning
tasks 0..k. Entries above the diagonal (k < i) are NaN and never read. A row that was
never evaluated (a learner of all tasks at once has only the last one) is NaN too, and
every metric that needs it is None, as is one that a single task does not define.

Where a suite has success, a second matrix of the same shape holds the share of
episodes, in per cent, in which some step solved the task; the metrics of that one are
called `<name>_success`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray

SUCCESS = "_success"
"""What the names of metrics on the success scale end in."""
NEVER_NEGATIVE = ("per", "plasticity", "forgetting")
"""Shares of episodes, and a loss from the best."""


@dataclass(frozen=True)
class References:
    """Returns that a score is measured against: 0 is the uniformly random policy, 100
    the expert."""

    random: FloatArray  # (N,)
    expert: FloatArray  # (N,)

    @classmethod
    def of(
        cls,
        tasks: Sequence[str],
        table: Mapping[str, Mapping[str, float | None]] | None,
    ) -> References | None:
        """The references of some tasks; None without a table.

        Args:
            tasks: names, in order.
            table: `{task: {"random": return, "expert": return, ...}}`.

        Raises:
            DataError: a task lacks its random or expert return, or both are equal.
        """
        if table is None:
            return None
        random = [_reference(table, task, "random") for task in tasks]
        expert = [_reference(table, task, "expert") for task in tasks]
        for task, low, high in zip(tasks, random, expert, strict=True):
            if low == high:
                problem = f"random and expert return are both {low}"
                raise DataError(f"references of {task}: {problem}; they have to differ")
        return cls(np.array(random), np.array(expert))


def normalise(
    R: ArrayLike,
    random: ArrayLike,
    expert: ArrayLike,
) -> FloatArray:
    """100 (R - random) / (expert - random), tasks along the last axis of `R`; same
    shape, NaN stays NaN."""
    returns = np.asarray(R, np.float64)
    low = np.asarray(random, np.float64)
    high = np.asarray(expert, np.float64)
    return np.asarray(100.0 * (returns - low) / (high - low))


def per(R: ArrayLike) -> float:
    """Average performance at the end: mean_i R[N, i]."""
    return float(_checked(R)[-1].mean())


def bwt_paper(R: ArrayLike) -> float | None:
    """BWT as in the paper: mean over i < N of (R[i, i] - R[N, i]); **positive means
    forgetting**."""
    returns = _checked(R)
    lost = np.diagonal(returns) - returns[-1]
    return _mean(lost[:-1])


def backward_transfer(R: ArrayLike) -> float | None:
    """Backward transfer with its usual sign (Lopez-Paz 2017): -bwt_paper, negative
    means forgetting."""
    bwt = bwt_paper(R)
    if bwt is None:
        return None
    return 0.0 - bwt  # a plain minus would turn 0 into -0


def plasticity(R: ArrayLike) -> float | None:
    """What was learned when it was learned: mean_i R[i, i]."""
    return _mean(np.diagonal(_checked(R)))


def forgetting(R: ArrayLike) -> float | None:
    """Loss from the best ever: mean over i < N of (max_{i <= k <= N} R[k, i] - R[N,
    i]); never negative."""
    return _mean(forgetting_by_task(R))


def forgetting_by_task(R: ArrayLike) -> FloatArray:
    """Each task's loss from the best ever, (N - 1,): max_{i <= k <= N} R[k, i] - R[N,
    i]; NaN where a row since it was learned is."""
    returns = _checked(R)
    losses = []
    for task in range(len(returns) - 1):
        since_learned = returns[task:, task]
        losses.append(since_learned.max() - since_learned[-1])
    return np.array(losses)


def forward_transfer(
    R: ArrayLike,
    single_task: ArrayLike,
) -> float | None:
    """What earlier tasks add to learning a new one: mean_i (R[i, i] - single_task[i]).

    Args:
        R: (N, N).
        single_task: returns of networks that learned task i alone, (N,).
    """
    returns = _checked(R)
    alone = _per_task(single_task, len(returns), "single_task")
    return _mean(np.diagonal(returns) - alone)


def zero_shot(
    next_task_returns: ArrayLike,
    random: ArrayLike,
) -> float | None:
    """Return on a task before it is learned, over random: mean over i > 1 of (R[i-1, i]
    - random_i).

    Args:
        next_task_returns: return on task i of the policy that learned tasks 1..i-1, for
            i = 2..N, with head i-1 and its statistics, (N - 1,).
        random: every task's random return, (N,); the first is not used.
    """
    low = np.asarray(random, np.float64)
    returns = _per_task(next_task_returns, len(low) - 1, "next_task_returns")
    return _mean(returns - low[1:])


def cloning_gap(
    R: ArrayLike,
    task_policy_returns: ArrayLike,
) -> float | None:
    """How far the continual policy lags (method, section 4): mean_i (task policy's
    return on i - R[i, i]).

    Args:
        R: (N, N).
        task_policy_returns: measured right after learning task i, (N,).
    """
    returns = _checked(R)
    learned = _per_task(task_policy_returns, len(returns), "task_policy_returns")
    return _mean(learned - np.diagonal(returns))


def summary(
    R: ArrayLike,
    references: References | None = None,
    task_policy_returns: ArrayLike | None = None,
    next_task_returns: ArrayLike | None = None,
) -> dict[str, float | None]:
    """Every metric of one seed, raw, and with `references` also as `<name>_normalised`
    (absent without them).

    Args:
        R: (N, N).
        references: of the tasks.
        task_policy_returns: (N,); None for a learner of a single policy, which has no
            `cloning_gap`.
        next_task_returns: (N - 1,); without them, or without references, there is no
            `zero_shot`.

    Raises:
        DataError: a matrix that is not square, has an infinite entry or an incomplete
            last row; a wrong length.
    """
    metrics = _metrics(R, task_policy_returns)
    if references is None:
        return metrics
    policies = None
    if task_policy_returns is not None:
        policies = _scaled(task_policy_returns, references)
    scaled = _metrics(_scaled(_checked(R), references), policies)
    if next_task_returns is not None:
        metrics["zero_shot"] = zero_shot(next_task_returns, references.random)
        returns = _scaled_next(next_task_returns, references)
        scaled["zero_shot"] = zero_shot(returns, np.zeros_like(references.random))
    for name, value in scaled.items():
        metrics[f"{name}_normalised"] = value
    return metrics


def success_summary(
    success: ArrayLike,
    random: ArrayLike | None = None,
    task_policy: ArrayLike | None = None,
    next_task: ArrayLike | None = None,
) -> dict[str, float | None]:
    """Every metric of one seed on the success scale, as `<name>_success`.

    All in per cent of episodes.

    Args:
        success: as R, (N, N).
        random: of the random policy, (N,); without it there is no `zero_shot`.
        task_policy: as in `summary`, (N,).
        next_task: as in `summary`, (N - 1,).

    Raises:
        DataError: as `summary`; a value outside 0 to 100.
    """
    rates = _checked(success)
    outside = np.argwhere((rates < 0.0) | (rates > 100.0))
    if len(outside):
        k, i = outside[0]
        entry = f"{rates[k, i]} at row {k}, column {i}"
        wanted = "a share of episodes lies between 0 and 100 per cent"
        raise DataError(f"matrix of success has {entry}; {wanted}")
    metrics = _metrics(rates, task_policy)
    if random is not None and next_task is not None:
        metrics["zero_shot"] = zero_shot(next_task, random)
    return {name + SUCCESS: value for name, value in metrics.items()}


def possible(metric: str) -> tuple[float, float]:
    """Between which values a metric's mean can lie; success has ends, returns have
    none."""
    name = metric.removesuffix(SUCCESS)
    if name == metric:
        return -np.inf, np.inf
    least = 0.0 if name in NEVER_NEGATIVE else -100.0
    return least, 100.0


def _metrics(
    R: ArrayLike,
    task_policy_returns: ArrayLike | None,
) -> dict[str, float | None]:
    """All but `zero_shot`, which is None here."""
    gap = None
    if task_policy_returns is not None:
        gap = cloning_gap(R, task_policy_returns)
    return {
        "per": per(R),
        "bwt_paper": bwt_paper(R),
        "backward_transfer": backward_transfer(R),
        "plasticity": plasticity(R),
        "forgetting": forgetting(R),
        "cloning_gap": gap,
        "zero_shot": None,
    }


def _scaled(
    returns: ArrayLike,
    references: References,
) -> FloatArray:
    values = np.asarray(returns, np.float64)
    _per_task(references.random, values.shape[-1], "references")
    return normalise(values, references.random, references.expert)


def _scaled_next(
    returns: ArrayLike,
    references: References,
) -> FloatArray:
    values = _per_task(returns, len(references.random) - 1, "next_task_returns")
    return normalise(values, references.random[1:], references.expert[1:])


def _mean(values: FloatArray) -> float | None:
    """The mean, or None where nothing or something unmeasured (NaN) would be
    averaged."""
    if not values.size or np.isnan(values).any():
        return None
    return float(values.mean())


def _checked(R: ArrayLike) -> FloatArray:
    """`R` in float64 with NaN above the diagonal, whatever stood there."""
    returns = np.array(R, np.float64)
    if returns.ndim != 2 or returns.shape[0] != returns.shape[1] or not returns.size:
        wanted = "it has to be (tasks, tasks), one task or more"
        raise DataError(f"matrix of returns has shape {returns.shape}; {wanted}")
    returns[np.triu_indices(len(returns), 1)] = np.nan
    infinite = np.argwhere(np.isinf(returns))
    if len(infinite):
        k, i = infinite[0]
        entry = f"{returns[k, i]} at row {k}, column {i}"
        raise DataError(f"matrix of returns has {entry}; returns have to be finite")
    missing = np.flatnonzero(np.isnan(returns[-1]))
    if len(missing):
        raise DataError(
            f"matrix of returns: last row lacks columns {missing.tolist()}; every task"
            " is evaluated after the last"
        )
    return returns


def _per_task(
    values: ArrayLike,
    tasks: int,
    name: str,
) -> FloatArray:
    array = np.asarray(values, np.float64)
    if array.shape != (tasks,):
        wanted = f"it has to be ({tasks},), one value a task"
        raise DataError(f"{name} has shape {array.shape}; {wanted}")
    return array


def _reference(
    table: Mapping[str, Mapping[str, float | None]],
    task: str,
    kind: str,
) -> float:
    value = table.get(task, {}).get(kind)
    if value is None or not np.isfinite(value):
        problem = f"{kind} return is {value}; it has to be a finite number"
        raise DataError(f"references of {task}: {problem}")
    return float(value)
