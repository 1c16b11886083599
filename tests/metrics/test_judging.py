"""Buffers of a made-up data set whose judgement is known: 40 episodes on a line of
clusters, with an odometer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics import judging
from oer_pipeline.metrics.distances import DataSpace, distances_to_nearest
from oer_pipeline.metrics.fidelity import buffer_fidelity
from oer_pipeline.metrics.judging import BufferJudge, episode_kinds, share_outside
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

EPISODES, STEPS = 40, 25
DIMENSIONS = (0, 1, 3)  # 2 is the odometer, 3 never varies


def make_data(**metadata: Any) -> Trajectories:
    """Episode e stays around (e % 4) * 10 on dimension 0 and earns e a step."""
    draw, rows = np.random.default_rng(0), EPISODES * STEPS
    episode = np.repeat(np.arange(EPISODES, dtype=np.int32), STEPS)
    state = draw.normal(size=(rows, 4)).astype(np.float32)
    state[:, 0] += 10.0 * (episode % 4)
    state[:, 2], state[:, 3] = np.arange(rows), 1.0
    step = np.tile(np.arange(STEPS, dtype=np.int32), EPISODES)
    return Trajectories(
        state,
        draw.uniform(-1, 1, (rows, 2)).astype(np.float32),
        state,
        episode.astype(np.float32),
        np.zeros(rows, bool),
        step == STEPS - 1,
        episode,
        step,
        metadata,
    )


def make_buffer(data: Trajectories, rows: np.ndarray, walked: int = 0) -> ReplayBuffer:
    size, number = len(rows), np.arange(len(rows), dtype=np.int32)
    columns = (
        data.observation,
        data.action,
        data.next_observation,
        data.reward,
        data.terminal,
        data.timeout,
    )
    chosen = [column[rows] for column in columns]
    nothing = np.zeros(size, np.float32)
    return ReplayBuffer(
        *chosen,
        chosen[1],
        rows,
        number,
        number,
        number,
        nothing,
        nothing,
        number < walked,
    )


@pytest.fixture(scope="module")
def data() -> Trajectories:
    return make_data()


def found(
    data: Trajectories, rows: np.ndarray, visits: np.ndarray, **how: Any
) -> dict[str, float | None]:
    buffer = make_buffer(data, rows, **how)
    judgement = BufferJudge(data, visits, DIMENSIONS).judge(buffer, buffer.action)
    json.dumps(judgement, allow_nan=False)
    return judgement


def test_a_buffer_of_the_visits_is_perfect_and_a_uniform_one_is_not(
    data: Trajectories,
) -> None:
    visited = np.flatnonzero(data.episode % 4 == 2)
    uniform = np.random.default_rng(1).permutation(len(data))[: len(visited)]
    perfect, other = (
        found(data, rows, data.observation[visited]) for rows in (visited, uniform)
    )
    for name in (
        "visits_to_buffer",
        "buffer_to_visits",
        "visits_to_data",
        "visits_to_buffer_odometer",
    ):
        assert perfect[name] == pytest.approx(0, abs=1e-6)
    assert other["visits_to_buffer"] > 0.05  # type: ignore[operator]
    assert other["buffer_to_visits"] > 0.5  # type: ignore[operator]
    assert other["coverage"] > 2.5 * perfect["coverage"]  # type: ignore[operator]
    assert 15 <= perfect["cells"] <= 35 < 80 <= other["cells"]  # type: ignore[operator]


def test_fidelity_is_measured_as_ever_with_and_without_the_odometer(
    data: Trajectories,
) -> None:
    rows, visits = np.arange(50), data.observation[300:400] + np.float32(0.1)
    mean, std = (
        data.observation.mean(0, dtype=np.float64),
        data.observation.std(0, dtype=np.float64),
    )
    judged = found(data, rows, visits)
    for suffix, dimensions in (("", (0, 1)), ("_odometer", (0, 1, 2))):
        plain = buffer_fidelity(visits, data.observation[rows], mean, std, dimensions)
        assert judged[f"visits_to_buffer{suffix}"] == pytest.approx(
            plain.visits_to_buffer
        )
        assert judged[f"buffer_to_visits{suffix}"] == pytest.approx(
            plain.buffer_to_visits
        )
    assert judged["visits_to_buffer_odometer"] > judged["visits_to_buffer"]  # type: ignore[operator]
    buffer = make_buffer(data, rows)
    assert (
        BufferJudge(data, visits, (0, 1, 2)).judge(buffer, buffer.action)[
            "buffer_to_visits_odometer"
        ]
        is None
    )


def test_coverage_counts_states_near_the_buffer(data: Trajectories) -> None:
    everything = found(data, np.arange(len(data)), data.observation[:1])
    assert everything["coverage"] == 1
    assert everything["cells"] == judging.CELLS
    one = found(data, np.array([7]), data.observation[:1])
    assert one["cells"] == one["rows"] == one["episodes"] == 1
    space = DataSpace.of(data.observation, DIMENSIONS)
    points = space.points(data.observation)
    own = distances_to_nearest(points, points, excluded=np.arange(len(data)))
    near = space.distances(data.observation, data.observation[[7]]) <= np.quantile(
        own, 0.99
    )
    assert one["coverage"] == pytest.approx(near.mean())


def test_returns_and_rewards_are_those_of_the_rows(data: Trajectories) -> None:
    rows = np.array([0, 25, 26, 27])  # one of episode 0, three of episode 1
    judged = found(data, rows, data.observation[:5])
    assert judged["episodes"] == 2
    assert judged["reward_mean"] == pytest.approx(0.75)
    assert judged["return_mean"] == pytest.approx(0.75 * STEPS)
    assert judged["return_q50"] == pytest.approx(STEPS)
    assert judged["data_return_mean"] == pytest.approx(STEPS * 19.5)
    assert judged["data_return_sd"] == pytest.approx(STEPS * np.arange(EPISODES).std())
    assert judged["data_reward_mean"] == pytest.approx(19.5)


def test_action_gap_and_how_rows_were_found(data: Trajectories) -> None:
    rows = np.arange(10)
    buffer = make_buffer(data, rows, walked=7)
    offset = buffer.action + np.float32([0.5, -0.25])
    judged = BufferJudge(data, data.observation[:3], DIMENSIONS).judge(buffer, offset)
    assert judged["action_gap"] == pytest.approx(0.375)
    assert (judged["walked"], judged["filled"]) == (7, 3)
    unwalked = found(data, rows, data.observation[:3])
    assert (unwalked["walked"], unwalked["filled"], unwalked["action_gap"]) == (
        None,
        None,
        0,
    )


def test_random_share_comes_from_the_kinds_that_the_table_names(
    data: Trajectories,
) -> None:
    rows, visits = np.array([0, 1, 2, 30 * STEPS]), data.observation[:3]
    assert found(data, rows, visits)["random_share"] is None
    for medium, share in ((20, 0.25), (35, 0.0)):
        counts = [["medium", medium], ["random", 40 - medium]]
        assert (
            found(replace(data, metadata={"episodes_of_kinds": counts}), rows, visits)[
                "random_share"
            ]
            == share
        )
    assert (
        episode_kinds(replace(data, metadata={"episodes_of_kinds": [["medium", 40]]}))
        is None
    )


def test_what_does_not_fit_is_refused(data: Trajectories) -> None:
    buffer, visits = make_buffer(data, np.arange(5)), data.observation[:3]
    for other in (
        data.select(slice(0, 3)),
        replace(data, observation=data.observation + 1),
    ):
        with pytest.raises(
            DataError, match="5 states are not those of its rows in the data"
        ):
            BufferJudge(other, visits, DIMENSIONS).judge(buffer, buffer.action)
    with pytest.raises(DataError, match=r"shape \(5, 1\); the buffer's are \(5, 2\)"):
        BufferJudge(data, visits, DIMENSIONS).judge(buffer, buffer.action[:, :1])
    with pytest.raises(DataError, match=r"visits have shape \(3, 2\)"):
        BufferJudge(data, visits[:, :2], DIMENSIONS).judge(buffer, buffer.action)
    with pytest.raises(DataError, match=r"dimensions \[3\] varies"):
        BufferJudge(data, visits, (3,)).judge(buffer, buffer.action)


def test_the_share_outside_counts_visits_that_no_buffer_can_follow(
    data: Trajectories,
) -> None:
    far = data.observation[:4] + 1e3
    assert share_outside(data.observation, data.observation, DIMENSIONS) == 0
    assert (
        share_outside(
            data.observation, np.concatenate((data.observation[:12], far)), DIMENSIONS
        )
        == 0.25
    )
