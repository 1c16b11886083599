"""Behaviour policies: the committed ones do what their record says; noise and starts are reproducible and disjoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oer_pipeline.errors import ConfigurationError, DataError
from oer_pipeline.suites.behaviour import (
    Acting,
    BehaviourFile,
    GaussianPolicy,
    UniformPolicy,
    ZeroPolicy,
    check_trained,
    committed,
    play,
)
from oer_pipeline.suites.evaluation import evaluate
from oer_pipeline.suites.rollout import episode_generators
from oer_pipeline.suites.suite import Suite, Task

EPISODES = 6


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_committed_behaviours_play_between_floor_and_expert(signed: Suite, number: int) -> None:
    task = signed.tasks[number - 1]
    file = BehaviourFile.load(committed(signed.name, task.name))
    assert file.record["task"] == dict(task.parameters)
    expert = replace(file.policies["final"], deterministic=True)
    behaviours = {"zero": ZeroPolicy(), "random": UniformPolicy(), "medium": file.policies["medium"], "final": expert}
    found = {name: float(play(task, b, EPISODES, "test").returns.mean()) for name, b in behaviours.items()}
    floor = max(found["zero"], found["random"])
    assert floor < found["medium"] < found["final"] < 0
    share = (found["medium"] - floor) / (found["final"] - floor)
    assert 0.35 < share < 0.85  # chosen as the first snapshot to reach a half
    assert found["final"] == pytest.approx(file.record["returns"]["final"], rel=0.25)
    check_trained(task, floor, found["final"])


def test_an_untrained_policy_is_refused_by_name(signed: Suite) -> None:
    check_trained(signed.tasks[0], -300.0, -149.0)
    with pytest.raises(DataError, match=r"cheetah_vel_signed task_1 is untrained: final return -151.0"):
        check_trained(signed.tasks[0], -300.0, -151.0)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no behaviour policy at .*task_9.safetensors; `make behaviours` trains one"
    ):
        BehaviourFile.load(tmp_path / "task_9.safetensors")


def gaussian(**changes: np.ndarray) -> GaussianPolicy:
    draw = np.random.default_rng(0)
    weights = {
        "mean": np.full(20, 0.5),
        "variance": np.full(20, 4.0),
        "log_std": np.log(np.arange(1, 7) / 10),
        "0.weight": draw.standard_normal((20, 8)),
        "0.bias": draw.standard_normal(8),
        "1.weight": draw.standard_normal((8, 6)),
        "1.bias": draw.standard_normal(6),
    }
    return GaussianPolicy({**weights, **changes})


def test_a_gaussian_policy_is_tanh_layers_on_standardised_clipped_observations_plus_scaled_noise() -> None:
    policy, noise = gaussian(), np.ones((3, 6))
    observation = np.random.default_rng(1).standard_normal((3, 20))
    observation[0, 0] = 1e6
    w = policy.weights
    mean = (
        np.tanh(np.clip((observation - 0.5) / 2, -10, 10) @ w["0.weight"] + w["0.bias"]) @ w["1.weight"] + w["1.bias"]
    )
    np.testing.assert_allclose(policy.act(observation, noise), mean + np.arange(1, 7) / 10, rtol=1e-6)
    np.testing.assert_allclose(replace(policy, deterministic=True).act(observation, noise), mean, rtol=1e-6)


def test_noise_belongs_to_the_episode_not_to_its_company() -> None:
    def noise(numbers: slice) -> np.ndarray:
        return Acting.of(UniformPolicy(), episode_generators("noise", 3, 1, 5)[numbers], 10, 6).noise

    whole = noise(slice(0, 5))
    assert whole.shape == (5, 10, 6)
    np.testing.assert_array_equal(noise(slice(2, 3))[0], whole[2])
    assert len(np.unique(whole)) == whole.size


def test_uniform_actions_are_uniform() -> None:
    noise = np.random.default_rng(0).standard_normal((20_000, 2))
    action = UniformPolicy().act(np.zeros((20_000, 20)), noise)
    counts = np.histogram(action, bins=10, range=(-1, 1))[0] / action.size
    np.testing.assert_allclose(counts, 0.1, atol=0.005)


def test_the_same_episodes_whether_played_in_one_round_or_two(signed: Suite) -> None:
    task = replace(signed.tasks[0], horizon=20)
    whole = play(task, UniformPolicy(), 4, "rounds", seed=2)
    late = play(task, UniformPolicy(), 2, "rounds", seed=2, first=2)
    np.testing.assert_array_equal(whole.observation[2:], late.observation)
    np.testing.assert_array_equal(whole.action[2:], late.action)
    assert not np.array_equal(play(task, UniformPolicy(), 2, "rounds", seed=3, first=2).action, late.action)


def test_evaluation_starts_are_common_to_members_and_never_those_of_the_data(signed: Suite) -> None:
    tasks = [replace(task, horizon=3) for task in signed.tasks[:2]]

    def act(task: Task, observation: np.ndarray) -> np.ndarray:
        return np.full((*observation.shape[:2], 6), np.arange(observation.shape[0])[:, None, None] / 2)

    result = evaluate(tasks, act, members=2, episodes=5, purpose="evaluation")
    starts = [[run.observation[:, 0] for run in by_member] for by_member in result]
    for by_member in starts:
        np.testing.assert_array_equal(by_member[0], by_member[1])
    assert not np.array_equal(result[0][0].reward, result[0][1].reward)
    collected = [
        play(task, ZeroPolicy(), 100, f"collect {kind}").observation[:, 0]
        for task in tasks
        for kind in ("medium", "random")
    ]
    everything = np.concatenate([starts[0][0], starts[1][0], *collected])
    assert len(np.unique(everything, axis=0)) == len(everything) == 410


def test_evaluation_hands_every_member_and_task_its_own_rows(signed: Suite) -> None:
    tasks = [replace(task, horizon=3) for task in signed.tasks[:3]]

    def policy(task: int, member: int, observation: np.ndarray) -> np.ndarray:
        return 0.3 * np.tanh(observation[..., :6]) + task / 10 + member / 100

    def act(task: Task, observation: np.ndarray) -> np.ndarray:
        return np.stack([policy(task.index, m, rows) for m, rows in enumerate(observation)])

    result = evaluate(tasks, act, members=4, episodes=2, purpose="rows")
    for k, by_member in enumerate(result):
        for m, run in enumerate(by_member):
            np.testing.assert_allclose(run.action, policy(k + 1, m, run.observation[:, :-1]), atol=1e-6)
