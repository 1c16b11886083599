"""Walker-Par, held against a loop over MuJoCo of its own (protocol, section 1); the
body is the task."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.rollout import Episodes, episode_generators, rollout
from oer_pipeline.suites.suite import Suite
from oer_pipeline.suites.task_lists import task_lists
from oer_pipeline.suites.walker_par import BODY, WalkerPar

STEPS = 60
TASKS = task_lists()["walker_par"]
DERIVED = ("body_invweight0", "dof_invweight0", "body_subtreemass", "actuator_acc0")


def actions() -> FloatArray:
    return np.random.default_rng(5).uniform(-1.2, 1.2, (STEPS, 6)).astype(np.float32)


def nominal(raw: Any) -> dict[str, FloatArray]:
    """The body that the asset describes."""
    return {
        name: getattr(raw("walker2d_v5.xml", 4).model, name).copy() for name in BODY
    }


def assert_same(left: Episodes, right: Episodes) -> None:
    for name in ("observation", "reward", "length", "terminal"):
        np.testing.assert_array_equal(
            getattr(left, name), getattr(right, name), err_msg=name
        )


def test_a_plain_loop_gives_the_same_observations_rewards_end_and_start(
    raw: Any,
    roll: Any,
) -> None:
    episode, walker = roll(WalkerPar(**TASKS[7]), actions()), raw("walker2d_v5.xml", 4)
    model, data = walker.model, walker.data
    model.opt.timestep = 0.004
    for name in BODY:
        getattr(model, name)[:] = np.reshape(TASKS[7][name], getattr(model, name).shape)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    (draw,) = episode_generators("table", 0, 1, 1)
    walker.start(draw.uniform(-0.005, 0.005, 9), draw.uniform(-0.005, 0.005, 9))
    fast = 0.0
    for t in range(STEPS):
        seen = np.concatenate((data.qpos[1:], np.clip(data.qvel, -10, 10)))
        np.testing.assert_array_equal(
            episode.observation[0, t], seen.astype(np.float32)
        )
        fast, before = max(fast, np.abs(data.qvel).max()), data.qpos[0]
        action = np.clip(actions()[t], -1, 1).astype(np.float64)
        walker.go(action)
        reward = (data.qpos[0] - before) / 0.016 + 1.0 - 1e-3 * np.square(action).sum()
        assert episode.reward[0, t] == pytest.approx(reward, rel=1e-5, abs=1e-6)
        if not (0.8 < data.qpos[1] < 2.0 and abs(data.qpos[2]) < 1.0):
            break
    assert episode.terminal[0]
    assert episode.length[0] == t + 1
    assert fast > 10  # the episode meets the clip


def test_dt_sizes_and_no_odometer() -> None:
    physics = WalkerPar(**TASKS[0])
    assert physics.dt == pytest.approx(0.016)
    suite = Suite.from_config(
        "walker", {"family": "walker_par", "horizon": 200, "tasks": {"ids": "0-1"}}
    )
    assert (suite.observation_size, suite.action_size) == (17, 6)
    assert suite.distance_dimensions == tuple(range(17))


def test_start_states_spread_as_the_table_says() -> None:
    physics = WalkerPar(**TASKS[0])
    runs = rollout(
        [physics] * 300,
        episode_generators("spread", 0, 1, 300),
        lambda o, _: o[:, :6],
        0,
    )
    offset = runs.observation[:, 0] - np.concatenate(
        (physics.model.qpos0[1:], np.zeros(9))
    )
    assert np.abs(offset).max() <= 0.005 + 1e-6
    np.testing.assert_allclose(offset.std(), 0.01 / np.sqrt(12), rtol=0.05)


@pytest.mark.parametrize(
    ("height", "angle"), [(1.3, 0.0), (0.8, 0.0), (2.0, 0.0), (1.4, 1.0), (1.4, -1.0)]
)
def test_it_is_terminal_unless_upright(height: float, angle: float) -> None:
    physics, fates = WalkerPar(**TASKS[0]), set()
    for above in (-0.1, 0.1):
        for leaning in (-0.02, 0.02):
            state = physics.new_state()
            physics.reset(state, np.random.default_rng(0))
            state.qpos[1:3], state.qvel[:] = (height + above, angle + leaning), 0.0
            terminal = physics.step(state, np.zeros(6)).terminal
            assert terminal == (
                not (0.8 < state.qpos[1] < 2.0 and abs(state.qpos[2]) < 1.0)
            )
            fates.add(terminal)
    assert fates == (
        {False} if height == 1.3 else {True, False}
    )  # both sides of each limit


def test_each_parameter_is_the_models_and_changes_the_dynamics(
    raw: Any,
    roll: Any,
) -> None:
    original, other = nominal(raw), TASKS[3]
    plain = roll(WalkerPar(**original), actions())
    for name in BODY:
        physics = WalkerPar(**{**original, name: other[name]})
        np.testing.assert_array_equal(
            getattr(physics.model, name), np.reshape(other[name], original[name].shape)
        )
        steps = min(
            int(plain.length[0]), int((run := roll(physics, actions())).length[0])
        )
        assert (
            np.abs(run.observation[0, :steps] - plain.observation[0, :steps]).max()
            > 1e-3
        ), name


def test_what_mujoco_derives_from_the_body_follows_it(raw: Any, roll: Any) -> None:
    """Without mj_setConst the inverse weights would be the old body's, and contacts too
    soft or too hard."""
    physics, forgetful = WalkerPar(**TASKS[1]), WalkerPar(**nominal(raw))
    for name in BODY:
        getattr(forgetful.model, name)[:] = np.reshape(
            TASKS[1][name], getattr(forgetful.model, name).shape
        )
    for derived in DERIVED:
        assert (
            getattr(physics.model, derived) != getattr(forgetful.model, derived)
        ).any(), derived
    assert physics.model.body_subtreemass[0] == pytest.approx(
        np.sum(TASKS[1]["body_mass"])
    )
    right, wrong = roll(physics, actions()), roll(forgetful, actions())
    assert not np.array_equal(right.observation, wrong.observation)


def test_the_original_body_gives_the_original_dynamics_back(
    raw: Any,
    roll: Any,
) -> None:
    physics, untouched = WalkerPar(**TASKS[2]), WalkerPar(**nominal(raw))
    changed = roll(physics, actions())
    physics.set_body(nominal(raw))
    restored = roll(physics, actions())
    assert_same(restored, roll(untouched, actions()))
    assert not np.array_equal(changed.observation, restored.observation)
    for derived in DERIVED:
        np.testing.assert_array_equal(
            getattr(physics.model, derived),
            getattr(raw("walker2d_v5.xml", 4).model, derived),
        )
    physics.set_body(TASKS[2])
    assert_same(roll(physics, actions()), changed)
    np.testing.assert_array_equal(physics.body()["body_mass"], TASKS[2]["body_mass"])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "body_mass",
            [1.0, 2.0],
            r"walker_par: body_mass has 2 values; the model takes \(8,\)",
        ),
        (
            "geom_friction",
            np.ones((8, 2)),
            r"walker_par: geom_friction has 16 values; the model takes \(8, 3\)",
        ),
        (
            "body_mass",
            [-1.0] * 8,
            "walker_par: body_mass holds -1.0; its values are finite and not negative",
        ),
        ("dof_damping", [np.nan] * 9, "walker_par: dof_damping holds nan"),
        ("body_inertia", [["x"] * 3] * 8, "walker_par: body_inertia holds no numbers"),
    ],
)
def test_a_body_that_does_not_fit_is_named(
    name: str,
    values: Any,
    message: str,
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        WalkerPar(**{**TASKS[0], name: values})
