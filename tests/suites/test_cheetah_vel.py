"""Cheetah-Vel, held against a loop over MuJoCo of its own (protocol, section 1)."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.cheetah_vel import CheetahVel
from oer_pipeline.suites.rollout import Episodes, episode_generators, rollout
from oer_pipeline.suites.suite import Suite

STEPS, TARGET = 60, -1.5
ASSET = (
    Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "half_cheetah.xml"
)


def actions() -> FloatArray:
    return np.random.default_rng(5).uniform(-1.2, 1.2, (STEPS, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def episode() -> Episodes:
    plan = actions()
    start = episode_generators("table", 0, 1, 1)
    return rollout([CheetahVel(TARGET)], start, lambda _, step: plan[step][None], STEPS)


def test_observations_rewards_and_reset_are_those_of_a_plain_loop(
    episode: Episodes,
) -> None:
    model = mujoco.MjModel.from_xml_path(str(ASSET))
    data = mujoco.MjData(model)
    (draw,) = episode_generators("table", 0, 1, 1)
    data.qpos[:] = model.qpos0 + draw.uniform(-0.1, 0.1, model.nq)
    data.qvel[:] = 0.1 * draw.standard_normal(model.nv)
    mujoco.mj_forward(model, data)
    for t, action in enumerate(np.clip(actions(), -1, 1)):
        np.testing.assert_array_equal(episode.observation[0, t], observation(data))
        before = data.qpos[0]
        data.ctrl[:] = action
        for _ in range(5):
            mujoco.mj_step(model, data)
        velocity = (data.qpos[0] - before) / 0.05
        cost = 0.05 * np.square(action.astype(np.float64)).sum()
        reward = -abs(velocity - TARGET) - cost
        assert episode.reward[0, t] == pytest.approx(reward, rel=1e-6)
    assert not episode.terminal[0]
    assert episode.length[0] == STEPS


def observation(data: mujoco.MjData) -> FloatArray:
    torso = data.body("torso").xpos
    observed = np.concatenate((data.qpos[1:], data.qvel, torso))
    return observed.astype(np.float32)


def test_the_reward_follows_from_what_was_recorded(episode: Episodes) -> None:
    """xpos lags qpos[0] by one substep of 0.01 s, which the recorded velocity makes
    good."""
    recorded = episode.observation[0].astype(np.float64)
    action = episode.action[0].astype(np.float64)
    x = recorded[:, 17] + 0.01 * recorded[:, 8]
    x[0] = recorded[0, 17]  # nothing lags after a reset
    reward = -np.abs(np.diff(x) / 0.05 - TARGET) - 0.05 * np.square(action).sum(axis=1)
    np.testing.assert_allclose(episode.reward[0], reward, atol=2e-4)
    lagging = -np.abs(np.diff(recorded[:, 17]) / 0.05 - TARGET) - 0.05 * np.square(
        action
    ).sum(axis=1)
    assert np.abs(episode.reward[0] - lagging).max() > 0.01


def test_the_torso_lags_as_mj_step_leaves_it() -> None:
    physics = CheetahVel(TARGET)
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    for action in actions()[:10]:
        physics.step(state, action.astype(np.float64))
    seen = physics.observe(state)
    mujoco.mj_forward(physics.model, state)
    moved = physics.observe(state)
    np.testing.assert_array_equal(seen[:17], moved[:17])
    assert 1e-4 < abs(seen[17] - moved[17]) < 0.1
    last_substep = (
        state.qvel[0] * physics.model.opt.timestep
    )  # semi-implicit: x moved by the new velocity
    assert moved[17] - seen[17] == pytest.approx(last_substep, rel=1e-6)
    assert seen[18] == moved[18]  # y is constant


def test_the_table_says_dt_50_ms_20_dimensions_6_actions_and_one_odometer(
    signed: Suite,
) -> None:
    physics = CheetahVel(TARGET)
    assert physics.dt == pytest.approx(0.05)
    assert (signed.observation_size, signed.action_size) == (20, 6)
    assert signed.distance_dimensions == (*range(17), 18, 19)
    assert [t.parameters["target_velocity"] for t in signed.tasks] == [
        1.5,
        -1.5,
        2.7,
        -2.7,
        0.6,
    ]
    assert {t.horizon for t in signed.tasks} == {200}


def test_start_states_spread_as_the_table_says() -> None:
    runs = rollout(
        [CheetahVel(0.0)] * 400,
        episode_generators("spread", 0, 1, 400),
        lambda o, _: o[:, :6],
        0,
    )
    position, velocity = runs.observation[:, 0, :8], runs.observation[:, 0, 8:17]
    nominal = mujoco.MjModel.from_xml_path(str(ASSET)).qpos0[1:]
    assert np.abs(position - nominal).max() <= 0.1
    np.testing.assert_allclose((position - nominal).std(), 0.2 / np.sqrt(12), rtol=0.05)
    np.testing.assert_allclose(velocity.std(), 0.1, rtol=0.05)


def test_the_target_moves_the_reward_and_nothing_else() -> None:
    plan = actions()
    runs = rollout(
        [CheetahVel(1.5), CheetahVel(-1.5)],
        [episode_generators("pair", 0, 1, 1)[0] for _ in range(2)],
        lambda _, step: np.tile(plan[step], (2, 1)),
        STEPS,
    )
    np.testing.assert_array_equal(runs.observation[0], runs.observation[1])
    assert (runs.reward[0] != runs.reward[1]).any()
