"""The gymnasium face of the families: the checker's rules, registered ids, the
roll-outs' own steps; no Kedro."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.suites.environment import IDS, PhysicsEnv, task_env
from oer_pipeline.suites.rollout import rollout
from oer_pipeline.suites.suite import FAMILIES, Suite
from oer_pipeline.suites.task_lists import task_lists


@pytest.mark.filterwarnings("ignore:.*Box observation space m:UserWarning")
@pytest.mark.parametrize("id_", IDS)
def test_it_passes_gymnasiums_checker(id_: str) -> None:
    check_env(
        gymnasium.make(id_).unwrapped, skip_render_check=True
    )  # pictures have a test of their own


@pytest.mark.parametrize(
    ("id_", "observation", "action"),
    [("AntDir", 27, 8), ("WalkerPar", 17, 6), ("CheetahVel", 20, 6)],
)
def test_spaces_and_time_limit_are_the_tables(
    id_: str,
    observation: int,
    action: int,
) -> None:
    environment = gymnasium.make(f"oer/{id_}-v0")
    assert environment.observation_space.shape == (observation,)
    assert environment.action_space == gymnasium.spaces.Box(
        -1.0, 1.0, (action,), np.float32
    )
    assert environment.spec is not None
    assert environment.spec.max_episode_steps == 200


@pytest.mark.parametrize("max_episode_steps", [None, 7])
def test_the_horizon_is_gymnasiums_time_limit(max_episode_steps: int | None) -> None:
    given = (
        {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    )
    environment = gymnasium.make("oer/CheetahVel-v0", **given)
    environment.reset(seed=0)
    cut = [
        environment.step(np.zeros(6, np.float32))[2:4]
        for _ in range(max_episode_steps or 200)
    ]
    assert cut == [(False, False)] * (len(cut) - 1) + [(False, True)]


@pytest.mark.parametrize(("id_", "family"), IDS.items())
@pytest.mark.parametrize("task_id", [0, 3])
def test_every_step_of_a_made_environment_is_that_of_a_rollout(
    id_: str,
    family: str,
    task_id: int,
) -> None:
    physics = FAMILIES[family](**task_lists()[family][task_id])
    size = physics.action_size
    plan = np.random.default_rng(1).uniform(-1.3, 1.3, (60, size)).astype(np.float32)
    (start,) = (np.random.Generator(np.random.PCG64(11)),)
    run = rollout([physics], [start], lambda _, step: plan[step][None], 60)
    steps = int(run.length[0])
    environment = gymnasium.make(id_, task_id=task_id)
    seen, ends = [environment.reset(seed=11)[0]], []
    for t in range(steps):
        observation, reward, terminated, truncated, information = environment.step(
            plan[t].clip(-1, 1)
        )
        seen.append(observation)
        assert np.float32(reward) == run.reward[0, t]
        ends.append(terminated)
        assert not truncated
        assert not information["diverged"]
    np.testing.assert_array_equal(
        np.array(seen, np.float32), run.observation[0, : steps + 1]
    )
    assert ends == [False] * (steps - 1) + [bool(run.terminal[0])]
    assert run.terminal[0] == (
        family != "cheetah_vel"
    )  # the others fall, so terminals are compared, too


def test_actions_beyond_the_bounds_are_clipped() -> None:
    environments = [
        PhysicsEnv(FAMILIES["cheetah_vel"](target_velocity=1.0)) for _ in range(2)
    ]
    for environment in environments:
        environment.reset(seed=0)
    far, near = (
        e.step(np.full(6, size))
        for e, size in zip(environments, (7.0, 1.0), strict=True)
    )
    np.testing.assert_array_equal(far[0], near[0])
    assert far[1] == near[1]


def test_parameters_make_a_task_that_no_list_has(raw: Any) -> None:
    fast = gymnasium.make("oer/CheetahVel-v0", target_velocity=9.0)
    slow = gymnasium.make("oer/CheetahVel-v0", target_velocity=-9.0)
    rewards = []
    for environment in (fast, slow):
        environment.reset(seed=0)
        rewards.append(environment.step(np.zeros(6, np.float32))[1])
    assert sum(rewards) == pytest.approx(
        -18.0
    )  # nobody runs 9 m/s, so the two errors add up
    assert rewards[0] != rewards[1]


@pytest.mark.parametrize(
    ("id_", "given", "message"),
    [
        (
            "oer/AntDir-v0",
            {"task_id": 50},
            r"environment ant_dir: ids \[50\] of \[50\]; each of 0 to 49",
        ),
        ("oer/AntDir-v0", {"task_id": -1}, "environment ant_dir: ids are"),
        ("oer/AntDir-v0", {"goal_angel": 1.0}, "environment ant_dir: .*goal_angel"),
        (
            "oer/AntDir-v0",
            {"goal_angle": "north"},
            "goal_angle is 'north'; it takes a finite number",
        ),
        (
            "oer/WalkerPar-v0",
            {"body_mass": [1.0]},
            "environment walker_par: .*body_inertia",
        ),
        (
            "oer/CheetahVel-v0",
            {"target_velocity": float("nan")},
            "target_velocity is nan; it takes a finite number",
        ),
    ],
)
def test_a_wrong_task_is_named(id_: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        gymnasium.make(id_, **given)


def test_a_task_of_a_suite_is_truncated_at_its_horizon_and_starts_its_clock_again(
    signed: Suite,
) -> None:
    environment = task_env(replace(signed.tasks[0], horizon=2))
    for _ in range(2):
        environment.reset(seed=0)
        assert [environment.step(np.zeros(6, np.float32))[3] for _ in range(2)] == [
            False,
            True,
        ]


def test_divergence_ends_the_episode_says_so_and_gives_finite_numbers(
    counter: Any,
) -> None:
    environment = PhysicsEnv(counter(breaks=3), horizon=10)
    environment.reset(seed=0)
    steps = [environment.step(np.full(1, 0.25, np.float32)) for _ in range(3)]
    assert [step[2] for step in steps] == [False, False, False]
    assert [step[3] for step in steps] == [False, False, True]
    assert [step[4]["diverged"] for step in steps] == [False, False, True]
    observation, reward, *_ = steps[-1]
    np.testing.assert_array_equal(observation, steps[1][0])
    assert reward == 0.0


def test_a_picture_is_drawn_only_when_asked_for(counter: Any) -> None:
    assert PhysicsEnv(counter()).render() is None
    asked = PhysicsEnv(counter(), render_mode="rgb_array")
    asked.reset(seed=0)
    picture = asked.render()
    assert picture is not None
    assert picture.shape == (360, 480, 3)


@pytest.mark.parametrize("family", ["ant_dir", "walker_par", "cheetah_vel"])
def test_pictures_follow_the_robot_and_leave_its_dynamics_alone(
    family: str,
    can_draw: bool,
) -> None:
    if not can_draw:
        pytest.skip("neither EGL nor a screen")
    drawn, plain = (FAMILIES[family](**task_lists()[family][0]) for _ in range(2))
    states = [drawn.new_state(), plain.new_state()]
    for physics, state in zip((drawn, plain), states, strict=True):
        physics.reset(state, np.random.default_rng(0))
    before = drawn.picture(states[0], 64, 48)
    for t in range(10):
        action = np.sin(np.arange(drawn.action_size) + t)
        for physics, state in zip((drawn, plain), states, strict=True):
            physics.step(state, action)
    after = drawn.picture(states[0], 64, 48)
    assert after.shape == (48, 64, 3)
    assert (after != before).any()
    np.testing.assert_array_equal(drawn.observe(states[0]), plain.observe(states[1]))
    states[0].qpos[0] += 100.0  # the camera follows, and there is still floor
    drawn.step(states[0], np.zeros(drawn.action_size))
    far = drawn.picture(states[0], 64, 48).astype(float)
    assert far[30:].std() > 20


def test_pictures_of_another_size_show_the_same(can_draw: bool) -> None:
    if not can_draw:
        pytest.skip("neither EGL nor a screen")
    physics = FAMILIES["cheetah_vel"](target_velocity=1.0)
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    large, small, again = (
        physics.picture(state, *size) for size in ((64, 48), (32, 24), (64, 48))
    )
    assert small.shape == (24, 32, 3)
    np.testing.assert_array_equal(large, again)


def test_it_serves_without_kedro() -> None:
    script = """
import sys, gymnasium, oer_pipeline.suites
environment = gymnasium.make("oer/AntDir-v0", task_id=3)
environment.reset(seed=0)
print(environment.step(environment.action_space.sample())[1])
heavy = {"kedro", "mlflow", "dvc", "pytorch_lightning", "torch", "stable_baselines3"}
loaded = heavy & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert np.isfinite(float(done.stdout))


def test_an_action_that_is_no_number_ends_the_episode(counter: Any) -> None:
    environment = PhysicsEnv(counter(), horizon=10)
    seen, _ = environment.reset(seed=0)
    observation, reward, _, truncated, told = environment.step(np.full(1, np.nan))
    assert (reward, truncated, told["diverged"]) == (0.0, True, True)
    np.testing.assert_array_equal(observation, seen)
