"""Roll-outs in lock step: an episode does not notice its company; terminal, horizon and
divergence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites import behaviour, evaluation
from oer_pipeline.suites.behaviour import UniformPolicy, play
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.physics import Transition
from oer_pipeline.suites.rollout import Episodes, episode_generators, in_blocks, rollout
from oer_pipeline.suites.suite import FAMILIES, Suite, Task
from oer_pipeline.suites.task_lists import task_lists


def lean(observation: FloatArray, step: int) -> FloatArray:
    """A policy whose rows are computed one by one, so that company cannot even change
    the last bit."""
    rows = [
        np.sin(np.outer(row[:6], [1.0, 3.0]).sum(axis=1) + step) for row in observation
    ]
    return (
        np.stack(rows) * 1.3
    )  # beyond the bounds at times: clipping is part of the story


def push(observation: FloatArray, _: int) -> FloatArray:
    return np.full((len(observation), 1), 0.25)


def assert_same(left: Episodes, right: Episodes) -> None:
    for name in ("observation", "action", "reward", "terminal", "diverged", "length"):
        np.testing.assert_array_equal(
            getattr(left, name), getattr(right, name), err_msg=name
        )


def test_an_episode_does_not_depend_on_what_runs_beside_it(signed: Suite) -> None:
    horizon, kinds = 30, [signed.tasks[i].physics() for i in (0, 1, 0, 2)]

    def starts() -> list[np.random.Generator]:
        return episode_generators("company", 0, 1, 4)

    together = rollout(kinds, starts(), lean, horizon)
    for b, physics in enumerate(kinds):
        alone = rollout([physics], [starts()[b]], lean, horizon)
        assert_same(alone, together.take(slice(b, b + 1)))
    assert len(np.unique(together.returns)) == 4


def test_a_later_number_is_the_same_episode_in_another_round() -> None:
    whole, late = (
        episode_generators("x", 0, 1, 6),
        episode_generators("x", 0, 1, 2, first=4),
    )
    assert [g.random() for g in whole[4:]] == [g.random() for g in late]


def test_start_states_differ_between_purposes_seeds_tasks_and_numbers(
    signed: Suite,
) -> None:
    keys = [
        ("collect medium", 0, 1),
        ("collect random", 0, 1),
        ("evaluation", 0, 1),
        ("visits", 0, 1),
        ("evaluation", 1, 1),
    ]
    keys += [("evaluation", 0, 2)]
    generators = []
    for key in keys:
        generators += episode_generators(*key, 25)
    runs = rollout([signed.tasks[0].physics()] * len(generators), generators, lean, 0)
    assert len(np.unique(runs.observation[:, 0], axis=0)) == len(generators)


def test_terminal_horizon_and_divergence(counter: Any) -> None:
    horizon = 6
    physics = [
        counter(ends=3),
        counter(),
        counter(breaks=4),
        counter(ends=6),
        counter(breaks=1),
    ]
    runs = rollout(physics, episode_generators("fate", 0, 1, 5), push, horizon)
    assert runs.length.tolist() == [3, 6, 3, 6, 0]
    assert runs.terminal.tolist() == [True, False, False, True, False]
    assert runs.diverged.tolist() == [False, False, True, False, True]
    np.testing.assert_allclose(runs.returns, [0.75, 1.5, 0.75, 1.5, 0.0])
    for b, length in enumerate(runs.length):
        path = runs.observation[b, : length + 1, 0]
        np.testing.assert_allclose(np.diff(path), 0.25, atol=1e-6)
        assert 0 <= path[0] <= 1
        assert (runs.observation[b, length + 1 :] == 0).all()
        assert (runs.action[b, length:] == 0).all()
        assert (runs.action[b, :length] == 0.25).all()
        assert (runs.reward[b, length:] == 0).all()


def test_actions_that_are_no_numbers_end_the_episode(signed: Suite) -> None:
    """MuJoCo takes them for 0, so that positions stay sound."""

    def late(observation: FloatArray, step: int) -> FloatArray:
        action = np.zeros((len(observation), 6))
        action[1] = np.nan if step == 3 else 0.0
        return action

    physics = [signed.tasks[0].physics()] * 2
    runs = rollout(physics, episode_generators("nan", 0, 1, 2), late, 5)
    assert runs.diverged.tolist() == [False, True]
    assert runs.length.tolist() == [5, 3]
    assert np.isfinite(runs.returns).all()


def test_actions_are_clipped_before_use(counter: Any) -> None:
    runs = rollout(
        [counter()],
        episode_generators("clip", 0, 1, 1),
        lambda o, _: np.full((len(o), 1), -7.0),
        2,
    )
    assert runs.action.tolist() == [[[-1.0], [-1.0]]]
    assert runs.returns.tolist() == [-2.0]


def test_nothing_is_asked_of_the_policy_once_all_episodes_are_over(
    counter: Any,
) -> None:
    asked = []

    def act(observation: FloatArray, step: int) -> FloatArray:
        asked.append(step)
        return push(observation, step)

    rollout(
        [counter(ends=2), counter(ends=4)],
        episode_generators("over", 0, 1, 2),
        act,
        100,
    )
    assert asked == [0, 1, 2, 3]


def test_simulators_without_generators_are_refused(counter: Any) -> None:
    with pytest.raises(ValueError, match="2 simulators but 1 generators"):
        rollout([counter(), counter()], episode_generators("few", 0, 1, 1), push, 3)


@pytest.mark.parametrize("family", ["ant_dir", "walker_par", "cheetah_vel"])
def test_a_behaviours_episode_is_the_same_bit_for_bit_in_a_batch_of_any_size(
    family: str,
    wild: Any,
) -> None:
    """A random 64-64 network, whose rows round differently in matrix products of other
    shapes."""
    [task] = Suite.from_config(
        "any", {"family": family, "horizon": 25, "tasks": {"ids": "2"}}
    ).tasks
    policy = wild(task.physics().observation_size, task.physics().action_size)
    many = play(task, policy, 40, "sizes")
    for episodes in (1, 7):
        assert_same(
            play(task, policy, episodes, "sizes"), many.take(slice(0, episodes))
        )
    assert_same(play(task, policy, 3, "sizes", first=33), many.take(slice(33, 36)))


def test_an_evaluated_episode_is_the_same_whatever_is_evaluated_beside_it(
    signed: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    weights = [
        draw.standard_normal((3, *shape)).astype(np.float32)
        for shape in ((20, 64), (64, 6))
    ]
    tasks = [
        Task(t.suite, t.index, t.family, t.parameters, 25) for t in signed.tasks[:2]
    ]

    def act(task: Task, observation: FloatArray) -> FloatArray:
        members = len(observation)
        return np.tanh(
            np.maximum(observation @ weights[0][:members], 0)
            @ weights[1][:members]
            * task.index
            / 20
        )

    many = evaluate_policies(tasks, act, members=3, episodes=37, purpose="sizes")
    few = evaluate_policies(tasks[1:], act, members=2, episodes=5, purpose="sizes")
    for member in range(2):
        assert_same(few[0][member], many[1][member].take(slice(0, 5)))
    monkeypatch.setattr(evaluation, "AT_ONCE", 60)  # ten episodes of six at a time
    parts = evaluate_policies(tasks, act, members=3, episodes=37, purpose="sizes")
    for task in range(2):
        for member in range(3):
            assert_same(parts[task][member], many[task][member])


def test_a_behaviour_plays_the_same_in_parts(
    signed: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory bounds how many episodes are in lock step, and nothing else does."""
    task = replace(signed.tasks[0], horizon=20)
    whole = play(task, UniformPolicy(), 9, "parts", first=3)
    monkeypatch.setattr(behaviour, "AT_ONCE", 4)
    parts = play(task, UniformPolicy(), 9, "parts", first=3)
    assert_same(parts, whole)


def test_blocks_hide_the_batchs_size_and_lose_no_row() -> None:
    seen = []

    def policy(left: FloatArray, right: FloatArray) -> FloatArray:
        seen.append((len(left), len(right)))
        return left + right

    for rows in (1, 31, 32, 33, 70):
        left = np.arange(3.0 * rows).reshape(rows, 3)
        np.testing.assert_array_equal(
            in_blocks(policy, left, np.ones((rows, 3))), left + 1
        )
    assert set(seen) == {(32, 32)}


def moving(family: str, fault: Any) -> Any:
    """The family's physics with a `fault(state)` put into every tenth step."""

    class Faulty(FAMILIES[family]):  # type: ignore[misc]
        steps = 0

        def step(self, state: mujoco.MjData, action: FloatArray) -> Transition:
            self.steps += 1
            if self.steps == 10:
                fault(state)
            return Transition(*super().step(state, action))

    return Faulty(**task_lists()[family][0])


def nan_velocity(state: mujoco.MjData) -> None:
    state.qvel[-1] = np.nan


def huge_velocity(state: mujoco.MjData) -> None:
    state.qvel[:] = 1e12


def infinite_position(state: mujoco.MjData) -> None:
    state.qpos[0] = np.inf


@pytest.mark.parametrize("fault", [nan_velocity, huge_velocity, infinite_position])
@pytest.mark.parametrize("family", ["ant_dir", "walker_par", "cheetah_vel"])
def test_a_simulation_that_blows_up_ends_its_own_episode_and_is_marked(
    family: str,
    fault: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo leaves a log where it runs
    physics = [FAMILIES[family](**task_lists()[family][0]), moving(family, fault)]
    still = np.zeros((2, physics[0].action_size))
    runs = rollout(
        physics, episode_generators("fault", 0, 1, 2), lambda o, _: still, 20
    )
    assert runs.diverged.tolist() == [False, True]
    assert runs.length.tolist() == [20, 9]
    assert not runs.terminal[1]  # no MDP ends by a fault of its simulator
    assert np.isfinite(runs.observation).all()
    assert np.isfinite(runs.reward).all()
    assert (runs.observation[1, 10:] == 0).all()


def test_an_environment_of_gymnasiums_rolls_out_in_its_own_bounds() -> None:
    import gymnasium

    config = {
        "family": "gymnasium",
        "horizon": 30,
        "tasks": [{"id": "InvertedPendulum-v5"}],
    }
    physics = Suite.from_config("pendulum", config).tasks[0].physics()
    plan = np.random.default_rng(0).uniform(-1, 1, (30, 1)).astype(np.float32)
    (start,) = episode_generators("own", 0, 1, 1)
    seed = int(episode_generators("own", 0, 1, 1)[0].integers(2**31 - 1))
    run = rollout([physics], [start], lambda _, step: plan[step][None], 30)
    environment = gymnasium.make("InvertedPendulum-v5")
    observation, _ = environment.reset(seed=seed)
    for t in range(int(run.length[0])):
        np.testing.assert_array_equal(
            run.observation[0, t], observation.astype(np.float32)
        )
        observation, reward, terminated, *_ = environment.step(3.0 * plan[t])
        assert run.reward[0, t] == pytest.approx(float(reward))
    assert run.terminal[0] == terminated
    np.testing.assert_array_equal(
        run.action[0, : run.length[0]], plan[: run.length[0]]
    )  # recorded within +-1


def test_a_suites_horizon_replaces_gymnasiums_time_limit() -> None:
    def lengths(horizon: int) -> list[int]:
        config = {
            "family": "gymnasium",
            "horizon": horizon,
            "tasks": [{"id": "Pendulum-v1"}],
        }
        physics = Suite.from_config("pendulum", config).tasks[0].physics()
        start = episode_generators("limit", 0, 1, 2)
        return rollout(
            [physics] * 2, start, lambda o, _: np.zeros((2, 1)), horizon
        ).length.tolist()

    assert lengths(250) == [250, 250]  # 200 is gymnasium's
    assert lengths(3) == [3, 3]


def test_an_episode_succeeds_if_any_step_does(counter: type[Any]) -> None:
    class Reached(counter):  # type: ignore[misc, valid-type]
        has_success = True

        def step(self, state: Any, action: FloatArray) -> Transition:
            outcome = super().step(state, action)
            return outcome._replace(
                success=state.steps == 3 and state.position[0] > 1.0
            )

    generators = [np.random.default_rng(seed) for seed in range(4)]
    found = rollout([Reached()] * 4, generators, push, 8)
    far = found.observation[:, 3, 0] > 1.0
    assert 0 < far.sum() < 4
    assert found.success.tolist() == far.tolist()
    assert not rollout([counter()] * 4, generators, push, 8).success.any()
