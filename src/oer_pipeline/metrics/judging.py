"""What a buffer is worth before any continual policy is trained on it: one dictionary
of numbers per buffer.

Shapes: N rows of the data D_n in E episodes, M rows of the buffer, V visited states, O
observation, A action, D dimensions that are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.standardisation import CONSTANT
from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.metrics.distances import (
    DataSpace,
    distances_to_nearest,
    nearest,
)
from oer_pipeline.metrics.fidelity import buffer_fidelity, check_states
from oer_pipeline.metrics.report import DIRECTIONS
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

Judgement = dict[str, float | None]
SAMPLE = 2_000
"""Rows of D_n that coverage asks about."""
CELLS = 100
RADIUS_QUANTILE = 0.99
QUANTILES = (0.1, 0.5, 0.9)


class BufferJudge:
    """Judges buffers of one task's data by what one policy visits.

    What no buffer changes is measured once, here.

    Args:
        data: of the task, N rows.
        visits: states that the policy visits, (V, O).
        distance_dimensions: the suite's.

    Raises:
        DataError: visits that do not fit the data, no dimension that varies.
    """

    def __init__(
        self,
        data: Trajectories,
        visits: FloatArray,
        distance_dimensions: Sequence[int],
    ) -> None:
        self._data = data
        self._visits = visits
        self._episode_of_row = np.repeat(np.arange(len(data.lengths)), data.lengths)
        self._space = DataSpace.of(data.observation, distance_dimensions)
        check_states("visits", visits, data.observation.shape[1])
        distance = self._space.distances(visits, data.observation)
        self._visits_to_data = float(distance.mean())
        self._points = self._space.points(data.observation)
        self._radius = _radius(self._points)

    def judge(
        self,
        buffer: ReplayBuffer,
        policy_action: FloatArray,
    ) -> Judgement:
        """What a buffer is worth.

        - `rows`, `episodes` that they come from; `walked` and `filled`, null where no
          walk chose them.
        - `visits_to_buffer`, `buffer_to_visits`: fidelity (metrics/fidelity.py) over
          `distance_dimensions`, and `..._odometer` over every dimension, null where
          that is the same. `visits_to_data`: from visits to the whole of D_n, what no
          buffer can beat.
        - `coverage`: the share of D_n (2,000 rows of it, a fixed draw) within a radius
          of some buffer state, the radius being the 0.99 quantile of nearest-neighbour
          distances in D_n. `cells`: how many of 100 cells hold a buffer state, a cell
          being what is nearest to one of 100 rows of D_n (a fixed draw).
        - `return_mean`, `_sd`, `_q10`, `_q50`, `_q90`: of the episodes that rows come
          from, each row counting once; `reward_mean` of the rows; `data_...`: the same
          of all rows of D_n, what a uniform buffer has on average. None of these keys
          is there where the data have no rewards.
        - `action_gap`: mean |a - pi(s)| over rows and action dimensions.
        - `random_share`: the share of rows from the random policy's episodes, null in
          data of one kind.

        Args:
            buffer: of the data, M rows.
            policy_action: the policy's actions at the buffer's rows, (M, A).

        Raises:
            DataError: a buffer that is not of these data, actions of another shape.
        """
        _check(buffer, self._data, policy_action)
        episodes = self._episode_of_row[buffer.row]
        walked = int(buffer.walked.sum())
        action_gap = np.abs(buffer.action - policy_action)
        return {
            "rows": len(buffer),
            "episodes": len(np.unique(episodes)),
            "walked": walked if walked else None,
            "filled": len(buffer) - walked if walked else None,
            **self._fidelity(buffer.observation),
            "visits_to_data": self._visits_to_data,
            **self._coverage(buffer.observation),
            **_rewards(buffer, self._data, self._episode_of_row),
            "action_gap": float(action_gap.mean(dtype=np.float64)),
            "random_share": _random_share(self._data, episodes),
        }

    def _fidelity(self, buffer: FloatArray) -> Judgement:
        """Both directions, without and with the dimensions that the suite leaves
        out."""
        mean = self._space.mean
        std = self._space.std
        columns = self._space.columns
        every = tuple(np.flatnonzero(std >= CONSTANT).tolist())
        judged: Judgement = {}
        fidelity = buffer_fidelity(
            self._visits,
            buffer,
            mean,
            std,
            columns,
        )
        judged.update(asdict(fidelity))
        with_odometer: dict[str, float | None] = dict.fromkeys(DIRECTIONS)
        if every != columns:
            fidelity = buffer_fidelity(
                self._visits,
                buffer,
                mean,
                std,
                every,
            )
            with_odometer.update(asdict(fidelity))
        for name, distance in with_odometer.items():
            judged[f"{name}_odometer"] = distance
        return judged

    def _coverage(self, buffer: FloatArray) -> Judgement:
        points = self._space.points(buffer)
        order = _fixed_draw(len(self._data))
        sample = self._points[order[:SAMPLE]]
        centres = self._points[order[:CELLS]]
        covered = distances_to_nearest(sample, points) <= self._radius
        cell = nearest(points, centres)
        return {
            "coverage": float(covered.mean()),
            "cells": len(np.unique(cell)),
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
    kinds: list[str] = []
    for kind, count in counts:
        kinds += [kind] * count
    return kinds


def share_outside(
    data: FloatArray,
    visits: FloatArray,
    dimensions: Sequence[int],
) -> float:
    """The share of visited states that lie farther from the data than its own states
    from one another.

    Farther than the 0.99 quantile of nearest-neighbour distances in D_n (2,000 rows of
    it, a fixed draw): where a policy leaves the data, no buffer cut from them can
    follow.

    Args:
        data: observations, (N, O).
        visits: observations, (V, O).
        dimensions: the suite's `distance_dimensions`.
    """
    space = DataSpace.of(data, dimensions)
    radius = _radius(space.points(data))
    distance = space.distances(visits, data)
    return float((distance > radius).mean())


def _radius(points: FloatArray) -> float:
    """The 0.99 quantile of nearest-neighbour distances among points (N, D), at a fixed
    draw of them."""
    rows = _fixed_draw(len(points))[:SAMPLE]
    distance = distances_to_nearest(points[rows], points, excluded=rows)
    return float(np.quantile(distance, RADIUS_QUANTILE))


def _fixed_draw(rows: int) -> IntArray:
    """All rows in the same random order every time."""
    return np.random.default_rng(0).permutation(rows)


def _check(
    buffer: ReplayBuffer,
    data: Trajectories,
    policy_action: FloatArray,
) -> None:
    of_data = buffer.row.max() < len(data)
    if of_data:
        rows = data.observation[buffer.row]
        of_data = np.array_equal(rows, buffer.observation)
    if not of_data:
        raise DataError(
            f"the buffer's {len(buffer)} states are not those of its rows in the data"
            f" ({len(data)} rows)"
        )
    if policy_action.shape != buffer.action.shape:
        raise DataError(
            f"policy actions have shape {policy_action.shape}; the buffer's are"
            f" {buffer.action.shape}"
        )


def _distribution(
    name: str,
    values: FloatArray,
) -> Judgement:
    distribution: Judgement = {
        f"{name}_mean": float(values.mean()),
        f"{name}_sd": float(values.std()),
    }
    quantiles = np.quantile(values, QUANTILES)
    for level, quantile in zip(QUANTILES, quantiles, strict=True):
        distribution[f"{name}_q{100 * level:.0f}"] = float(quantile)
    return distribution


def _rewards(
    buffer: ReplayBuffer,
    data: Trajectories,
    episode_of_row: IntArray,
) -> Judgement:
    """What returns and rewards say of a buffer; nothing where the data have none."""
    if buffer.reward is None or data.reward is None:
        return {}
    return_of_row = data.returns[episode_of_row]
    return {
        **_distribution("return", return_of_row[buffer.row]),
        **_distribution("data_return", return_of_row),
        "reward_mean": float(buffer.reward.mean(dtype=np.float64)),
        "data_reward_mean": float(data.reward.mean(dtype=np.float64)),
    }


def _random_share(
    data: Trajectories,
    episodes: IntArray,
) -> float | None:
    """Of rows that come from these episodes, (M,)."""
    kinds = episode_kinds(data)
    if kinds is None:
        return None
    kind_of_row = np.array(kinds)[episodes]
    return float((kind_of_row == "random").mean())
