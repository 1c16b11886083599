"""Ant-Dir, held against a loop over MuJoCo of its own (protocol, section 1)."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import pytest

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.ant_dir import AntDir
from oer_pipeline.suites.rollout import episode_generators, rollout
from oer_pipeline.suites.suite import Suite

STEPS = 60
ANGLE = 2.5


def actions() -> FloatArray:
    return np.random.default_rng(5).uniform(-1.2, 1.2, (STEPS, 8)).astype(np.float32)


def test_a_plain_loop_gives_the_same_observations_rewards_and_start(
    raw: Any,
    roll: Any,
) -> None:
    episode, ant = roll(AntDir(ANGLE), actions()), raw("ant.xml", 5)
    (draw,) = episode_generators("table", 0, 1, 1)
    ant.start(draw.uniform(-0.1, 0.1, 15), 0.1 * draw.standard_normal(14))
    goal = np.array([np.cos(ANGLE), np.sin(ANGLE)])
    rewards: dict[str, list[float]] = {
        "table": [],
        "unclipped": [],
        "without_contacts": [],
        "from_qpos": [],
    }
    for t in range(int(episode.length[0])):
        seen = np.concatenate((ant.data.qpos[2:], ant.data.qvel)).astype(np.float32)
        np.testing.assert_array_equal(episode.observation[0, t], seen)
        before = ant.data.body("torso").xpos[:2].copy()
        position = ant.data.qpos[:2].copy()
        action = np.clip(actions()[t], -1, 1).astype(np.float64)
        ant.go(action)
        mujoco.mj_rnePostConstraint(ant.model, ant.data)

        def reward(
            velocity: FloatArray,
            forces: FloatArray,
            cost: float = 0.5 * float(np.square(action).sum()),
        ) -> float:
            return float(velocity @ goal - cost - 5e-4 * np.square(forces).sum() + 1.0)

        velocity = (ant.data.body("torso").xpos[:2] - before) / 0.05
        of_root = (ant.data.qpos[:2] - position) / 0.05
        force = ant.data.cfrc_ext[1:]
        clipped = np.clip(force, -1, 1)
        rewards["table"].append(reward(velocity, clipped))
        rewards["unclipped"].append(reward(velocity, force))
        rewards["without_contacts"].append(reward(velocity, np.zeros(6)))
        rewards["from_qpos"].append(reward(of_root, clipped))
    recorded = episode.reward[0, : episode.length[0]]
    np.testing.assert_allclose(recorded, rewards.pop("table"), rtol=1e-5, atol=1e-6)
    # The episode tells the table's reward from likely mistakes.
    for wrong, values in rewards.items():
        assert np.abs(recorded - values).max() > 1e-4, wrong


def test_dt_sizes_and_no_odometer() -> None:
    physics = AntDir(ANGLE)
    assert physics.dt == pytest.approx(0.05)
    suite = Suite.from_config(
        "ant", {"family": "ant_dir", "horizon": 200, "tasks": {"ids": "0-1"}}
    )
    assert (suite.observation_size, suite.action_size) == (27, 8)
    assert suite.distance_dimensions == tuple(range(27))
    assert physics.bounds is None


def test_start_states_spread_as_the_table_says() -> None:
    runs = rollout(
        [AntDir(0.0)] * 300,
        episode_generators("spread", 0, 1, 300),
        lambda o, _: o[:, :8],
        0,
    )
    start = runs.observation[:, 0]
    offset = start[:, :13] - AntDir(0.0).model.qpos0[2:]
    velocity = start[:, 13:]
    assert np.abs(offset).max() <= 0.1 + 1e-6
    np.testing.assert_allclose(offset.std(), 0.2 / np.sqrt(12), rtol=0.05)
    np.testing.assert_allclose(velocity.std(), 0.1, rtol=0.05)
    assert np.abs(velocity).max() > 0.25  # normal, not uniform


def test_it_is_terminal_where_the_torso_leaves_20_cm_to_1_m() -> None:
    physics = AntDir(ANGLE)
    cases = set()
    for height in (-1.0, 0.18, 0.22, 0.5, 0.97, 1.05, 1.5):
        for rising in (-8.0, 0.0, 1.0):
            state = physics.new_state()
            physics.reset(state, np.random.default_rng(0))
            state.qpos[2] = height
            state.qvel[2] = rising
            terminal = physics.step(state, np.zeros(8)).terminal
            assert terminal == (not 0.2 <= state.qpos[2] <= 1.0)
            cases.add((terminal, bool(state.qpos[2] > 0.5)))
    assert cases == {(True, True), (True, False), (False, True), (False, False)}


def test_the_goal_turns_the_reward_and_nothing_else(roll: Any) -> None:
    ahead = roll(AntDir(ANGLE), 0.2 * actions())
    back = roll(AntDir(ANGLE + np.pi), 0.2 * actions())
    np.testing.assert_array_equal(ahead.observation, back.observation)
    # The velocities cancel: cost and bonus remain.
    shared = (ahead.reward + back.reward) / 2
    assert (shared <= 1.0).all()
    assert (np.abs(ahead.reward - back.reward).max()) > 0.1


def test_looking_for_no_islands_changes_no_bit(roll: Any) -> None:
    looking = AntDir(ANGLE)
    looking.model.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_ISLAND)
    slow = roll(looking, actions())
    fast = roll(AntDir(ANGLE), actions())
    np.testing.assert_array_equal(slow.observation, fast.observation)
