"""What a buffer is worth before any continual policy is trained on it: one dictionary
of numbers a buffer.

Shapes: N rows of the data D_n in E episodes, M rows of the buffer, V visited states, O
observation, A action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.metrics.fidelity import CONSTANT, EPSILON, buffer_fidelity
from oer_pipeline.metrics.report import DIRECTIONS
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

Judgement = dict[str, float | None]
PAIRS = 2**22  # compared at once
SAMPLE = 2_000  # rows of D_n that coverage asks about
CELLS = 100
RADIUS_QUANTILE = 0.99
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Space:
    """Where distances between a task's states are taken: dimensions that vary,
    standardised by its data set."""

    columns: tuple[int, ...]
    mean: FloatArray  # (O,)
    std: FloatArray  # (O,)

    @classmethod
    def of(cls, observation: FloatArray, dimensions: Sequence[int]) -> Space:
        """The space of data with these observations (N, O), over those of `dimensions`
        that vary.

        Raises:
            DataError: none does.
        """
        mean, std = (
            observation.mean(axis=0, dtype=np.float64),
            observation.std(axis=0, dtype=np.float64),
        )
        columns = tuple(d for d in dimensions if std[d] >= CONSTANT)
        if not columns:
            raise DataError(
                f"none of the distance dimensions {list(dimensions)} varies in the"
                " data set"
            )
        return cls(columns, mean, std)

    def points(self, states: FloatArray) -> FloatArray:
        """States (n, O) as points of the space (n, D), float64."""
        at = list(self.columns)
        return np.asarray(
            (states[:, at].astype(np.float64) - self.mean[at])
            / (self.std[at] + EPSILON)
        )

    def distances(self, queries: FloatArray, states: FloatArray) -> FloatArray:
        """From each query (Q, O) to the nearest of the states (n, O), (Q,)."""
        return nearest(self.points(queries), self.points(states))[1]


def nearest(
    queries: FloatArray, points: FloatArray, itself: IntArray | None = None
) -> tuple[IntArray, FloatArray]:
    """The nearest point (P, D) to each query (Q, D): index and distance (Q,), float64;
    memory is bounded.

    A matrix product finds it, many times faster than a tree in so many dimensions;
    points as near as its rounding (1e-8 or so) may be taken for one another. `itself`
    (Q,) names a point per query that does not count.
    """
    index = np.empty(len(queries), np.int64)
    squares, size = np.square(points).sum(axis=1), max(1, PAIRS // len(points))
    for start in range(0, len(queries), size):
        chunk = slice(start, start + size)
        order = squares - 2.0 * queries[chunk] @ points.T
        if itself is not None:
            order[np.arange(len(order)), itself[chunk]] = np.inf
        index[chunk] = order.argmin(axis=1)
    return index, np.linalg.norm(queries - points[index], axis=1)


def judge(
    buffer: ReplayBuffer,
    data: Trajectories,
    visits: FloatArray,
    policy_action: FloatArray,
    distance_dimensions: Sequence[int],
) -> Judgement:
    """Judge a buffer of `data` by states (V, O) that the policy visits and its actions
    (M, A) at the buffer's rows.

    - `rows`, `episodes` that they come from; `walked` and `filled`, null where no walk
    chose them. - `visits_to_buffer`, `buffer_to_visits`: fidelity (metrics/fidelity.py)
    over `distance_dimensions`, and
      `..._odometer` over every dimension, null where that is the same.
          `visits_to_data`: from visits to the whole of
      D_n, what no buffer can beat.
    - `coverage`: the share of D_n (2,000 rows of it, a fixed draw) within a radius of
    some buffer state, the radius
      being the 0.99 quantile of nearest-neighbour distances in D_n, the distance limit
          of MBES. `cells`: how many of
      100 cells hold a buffer state, a cell being what is nearest to one of 100 rows of
          D_n (a fixed draw).
    - `return_mean`, `_sd`, `_q10`, `_q50`, `_q90`: of the episodes that rows come from,
    each row counting once;
      `reward_mean` of the rows; `data_...`: the same of all rows of D_n, what a uniform
          buffer has on average.
      None of these keys is there where the data have no rewards.
    - `action_gap`: mean |a - pi(s)| over rows and action dimensions.
    - `random_share`: the share of rows from the random policy's episodes, null in data
    of one kind.

    Raises:
        DataError: a buffer that is not of these data, actions of another shape, visits
            that do not fit.
    """
    _check(buffer, data, policy_action)
    space = Space.of(data.observation, distance_dimensions)
    episode = np.repeat(np.arange(len(data.lengths)), data.lengths)
    walked = int(buffer.walked.sum())
    return {
        "rows": len(buffer),
        "episodes": len(np.unique(episode[buffer.row])),
        "walked": walked if walked else None,
        "filled": len(buffer) - walked if walked else None,
        **_fidelity(space, buffer.observation, visits),
        "visits_to_data": float(space.distances(visits, data.observation).mean()),
        **_coverage(space, data.observation, buffer.observation),
        **_rewards(buffer, data, episode),
        "action_gap": float(
            np.abs(buffer.action - policy_action).mean(dtype=np.float64)
        ),
        "random_share": _random_share(data, episode[buffer.row]),
    }


def episode_kinds(data: Trajectories) -> list[str] | None:
    """The raw kind that each episode was collected as, (E,); None where all are of one
    kind, or none is known.

    A table of several kinds holds them one after another; its metadata say how many
    episodes each has (`trajectories.qualities.cut`).
    """
    counts: list[tuple[str, int]] = data.metadata.get("episodes_of_kinds", [])
    if len(counts) < 2:
        return None
    return [kind for kind, count in counts for _ in range(count)]


def outside(data: FloatArray, visits: FloatArray, dimensions: Sequence[int]) -> float:
    """The share of visited states (V, O) that lie farther from the data (N, O) than its
    own states from one another.

    Farther than the 0.99 quantile of nearest-neighbour distances in D_n (2,000 rows of
    it, a fixed draw): where a policy leaves the data, no buffer cut from them can
    follow.
    """
    space = Space.of(data, dimensions)
    return float((space.distances(visits, data) > _radius(space.points(data))).mean())


def _radius(points: FloatArray) -> float:
    """The 0.99 quantile of nearest-neighbour distances among points (N, D), at a fixed
    draw of them."""
    asked = np.random.default_rng(0).permutation(len(points))[:SAMPLE]
    return float(
        np.quantile(nearest(points[asked], points, itself=asked)[1], RADIUS_QUANTILE)
    )


def _check(buffer: ReplayBuffer, data: Trajectories, policy_action: FloatArray) -> None:
    if buffer.row.max() >= len(data) or not np.array_equal(
        data.observation[buffer.row], buffer.observation
    ):
        raise DataError(
            f"the buffer's {len(buffer)} states are not those of its rows in the data"
            f" ({len(data)} rows)"
        )
    if policy_action.shape != buffer.action.shape:
        raise DataError(
            f"policy actions have shape {policy_action.shape}; the buffer's are"
            f" {buffer.action.shape}"
        )


def _fidelity(space: Space, buffer: FloatArray, visits: FloatArray) -> Judgement:
    """Both directions, without and with the dimensions that the suite leaves out."""
    every = tuple(np.flatnonzero(space.std >= CONSTANT).tolist())
    more = None if every == space.columns else every
    both: Judgement = {}
    for suffix, columns in (("", space.columns), ("_odometer", more)):
        found = columns and asdict(
            buffer_fidelity(visits, buffer, space.mean, space.std, columns)
        )
        both.update(
            {name + suffix: found[name] if found else None for name in DIRECTIONS}
        )
    return both


def _coverage(space: Space, data: FloatArray, buffer: FloatArray) -> Judgement:
    everything, chosen = space.points(data), space.points(buffer)
    order = np.random.default_rng(0).permutation(len(data))
    asked, centres = order[:SAMPLE], order[:CELLS]
    _, distance = nearest(everything[asked], chosen)
    cell, _ = nearest(chosen, everything[centres])
    covered = distance <= _radius(everything)
    return {"coverage": float(covered.mean()), "cells": len(np.unique(cell))}


def _distribution(name: str, values: FloatArray) -> Judgement:
    quantiles = {
        f"{name}_q{100 * q:.0f}": float(v)
        for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)
    }
    return {
        f"{name}_mean": float(values.mean()),
        f"{name}_sd": float(values.std()),
        **quantiles,
    }


def _rewards(
    buffer: ReplayBuffer, data: Trajectories, episode_of_row: IntArray
) -> Judgement:
    """What returns and rewards say of a buffer; nothing where the data have none."""
    if buffer.reward is None or data.reward is None:
        return {}
    returns = data.returns
    return {
        **_distribution("return", returns[episode_of_row[buffer.row]]),
        **_distribution("data_return", returns[episode_of_row]),
        "reward_mean": float(buffer.reward.mean(dtype=np.float64)),
        "data_reward_mean": float(data.reward.mean(dtype=np.float64)),
    }


def _random_share(data: Trajectories, episode_of_row: IntArray) -> float | None:
    kinds = episode_kinds(data)
    return (
        None
        if kinds is None
        else float((np.array(kinds)[episode_of_row] == "random").mean())
    )
