"""Padded episodes to rows: nothing of the padding, the right flags, the right
neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.suites.behaviour import UniformPolicy, play
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.physics import Bounds
from oer_pipeline.suites.rollout import Episodes
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.concatenate import concatenate
from oer_pipeline.trajectories.table import Trajectories, validate_trajectories

HORIZON = 4


@pytest.fixture
def episodes() -> Episodes:
    """To the horizon; terminal after 2; diverged after 3; diverged at once; terminal at
    the horizon."""
    draw = np.random.default_rng(1)
    length = np.array([4, 2, 3, 0, 4], np.int32)
    observation = draw.standard_normal((5, HORIZON + 1, 3), dtype=np.float32)
    action = draw.uniform(-1, 1, (5, HORIZON, 2)).astype(np.float32)
    reward = draw.standard_normal((5, HORIZON), dtype=np.float32)
    for b, steps in enumerate(length):
        observation[b, steps + 1 :] = 0
        action[b, steps:] = 0
        reward[b, steps:] = 0
    return Episodes(
        observation,
        action,
        reward,
        terminal=np.array([0, 1, 0, 0, 1], bool),
        diverged=np.array([0, 0, 1, 1, 0], bool),
        length=length,
        success=np.zeros(len(length), bool),
    )


def test_rows_of_episodes(episodes: Episodes) -> None:
    table = table_from_episodes(episodes, {"suite": "s"}, HORIZON)
    validate_trajectories(table, "here")
    assert table.lengths.tolist() == [4, 2, 3, 4]
    assert table.episode.tolist() == [0] * 4 + [1] * 2 + [2] * 3 + [3] * 4
    assert table.step.tolist() == [0, 1, 2, 3, 0, 1, 0, 1, 2, 0, 1, 2, 3]
    assert np.flatnonzero(table.timeout).tolist() == [3, 8]
    assert np.flatnonzero(table.terminal).tolist() == [5, 12]
    np.testing.assert_array_equal(table.next_observation[5], episodes.observation[1, 2])
    np.testing.assert_array_equal(table.action[6:9], episodes.action[2, :3])
    np.testing.assert_allclose(table.returns, episodes.returns[[0, 1, 2, 4]], rtol=1e-6)
    assert table.metadata == {
        "suite": "s",
        "horizon": 4,
        "diverged_episodes": 2,
        "broken_off": [2],
    }


def test_own_bounds_are_stored_in_their_units(episodes: Episodes) -> None:
    bounds = Bounds(np.array([-0.1, 0.0], np.float32), np.array([0.7, 5.0], np.float32))
    episodes.action[0, :2, :] = [[-1.0, -1.0], [1.0, 1.0]]
    table = table_from_episodes(episodes, {}, HORIZON, bounds)
    validate_trajectories(table, "here")
    np.testing.assert_array_equal(table.action[:2], [bounds.low, bounds.high])
    np.testing.assert_array_equal(table.bounds, bounds)
    taken = []
    for action, steps in zip(episodes.action, episodes.length, strict=True):
        taken.append(action[:steps])
    kept = np.concatenate(taken)
    np.testing.assert_allclose(table.scaled().action, kept, atol=1e-6)
    with pytest.raises(DataError, match="different action bounds"):
        concatenate([table, table_from_episodes(episodes, {}, HORIZON)])


def test_the_stored_action_is_the_one_that_was_applied() -> None:
    task = Task("own", 1, "gymnasium", {"id": "Pendulum-v1"}, 5)
    physics = task.physics()
    episodes = play(task, UniformPolicy(), 2, "test")
    table = table_from_episodes(episodes, {}, 5, physics.bounds)
    validate_trajectories(table, "here")
    assert np.abs(table.action).max() > 1
    cos, sin, velocity = table.observation.T
    [torque] = table.action.T
    cost = np.arctan2(sin, cos) ** 2 + 0.1 * velocity**2 + 0.001 * torque**2
    np.testing.assert_allclose(table.reward, -cost, atol=1e-4)


def test_roll_out_shorter_than_the_horizon_is_no_timeout(episodes: Episodes) -> None:
    table = table_from_episodes(episodes, {}, HORIZON + 1)
    assert np.flatnonzero(table.timeout).tolist() == [8]  # only the diverged one


def test_all_diverged(episodes: Episodes) -> None:
    nothing = episodes.take(slice(3, 4))
    with pytest.raises(DataError, match="1 episodes, but none has a step; 1 diverged"):
        table_from_episodes(nothing, {}, HORIZON)


def test_concatenate(make: Callable[..., Trajectories]) -> None:
    one = make((2, 3), 1, seed_used=1, diverged_episodes=1)
    two = make((4,), 2, seed_used=2, diverged_episodes=1)
    both = concatenate([one, two.select(slice(None))])
    validate_trajectories(both, "here")
    assert both.episode.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(both.reward, np.concatenate([one.reward, two.reward]))
    assert both.metadata["suite"] == "cheetah_vel_signed"
    assert both.metadata["diverged_episodes"] == 2
    assert both.metadata["parts"] == [{"seed_used": 1}, {"seed_used": 2}]


def test_concatenate_refuses(
    make: Callable[..., Trajectories],
    episodes: Episodes,
) -> None:
    with pytest.raises(DataError, match="at least one"):
        concatenate([])
    with pytest.raises(DataError, match=r"widths \[\(3, 2\), \(5, 2\)\]"):
        concatenate([make(), table_from_episodes(episodes, {}, HORIZON)])
