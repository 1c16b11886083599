"""Behaviour policies: the committed ones do what their record says; noise and starts
are reproducible and disjoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.suites.behaviour import (
    Acting,
    BehaviourFile,
    GaussianPolicy,
    SquashedPolicy,
    UniformPolicy,
    ZeroPolicy,
    behaviour_path,
    check_trained,
    on_grid,
    play,
)
from oer_pipeline.suites.behaviour_training import save
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.rollout import episode_generators
from oer_pipeline.suites.suite import Suite, Task

Named = Callable[[str], Suite]
NAMED = (
    "cheetah_vel_signed",
    "cheetah_vel",
    "cheetah_vel_spread",
    "ant_dir",
    "walker_par",
)


def committed(task: Task) -> BehaviourFile:
    return BehaviourFile.load(behaviour_path(task.family, task.key))


@pytest.mark.parametrize("name", NAMED)
def test_the_package_has_behaviours_of_every_named_suite_whose_records_keep_the_rules(
    named: Named,
    name: str,
) -> None:
    for task in named(name).tasks:
        file = committed(task)
        file.check_task(task)
        returns, curve = file.record["returns"], file.record["curve"]
        floor = max(returns["random"], returns["zero"])
        check_trained(task, floor, returns["final"])
        half = floor + (returns["final"] - floor) / 2
        first = next(steps for steps, value in curve if value >= half)
        assert first == file.record["medium_steps"]
        assert file.record["replay_steps"] == sorted(set(file.record["replay_steps"]))
        assert all(steps < first for steps in file.record["replay_steps"])
        assert len(file.replay) == len(file.record["replay_steps"]) + 1
        assert file.record["horizon"] == task.horizon == 200


@pytest.mark.parametrize("name", NAMED)
def test_committed_behaviours_play_as_their_record_says(
    named: Named,
    name: str,
) -> None:
    task = named(name).tasks[0]
    file = committed(task)
    returns = file.record["returns"]
    floor = max(returns["random"], returns["zero"])
    for behaviour, wanted in (
        (file.policies["medium"], returns["medium"]),
        (file.expert, returns["final"]),
    ):
        found = float(play(task, behaviour, 8, "test").returns.mean())
        assert (found - floor) / (returns["final"] - floor) == pytest.approx(
            (wanted - floor) / (returns["final"] - floor), abs=0.35
        )


@pytest.mark.parametrize(
    ("name", "floor", "enough"),
    [
        ("cheetah_vel_signed", -300.0, -150.0),  # half-way to 0
        ("cheetah_vel_signed", -16.0, -8.0),
        ("ant_dir", 200.0, 250.0),  # 25 % of |floor| above it
        ("walker_par", 96.0, 120.0),
        ("ant_dir", -40.0, -30.0),
    ],
)
def test_an_untrained_policy_is_refused_by_name(
    named: Named,
    name: str,
    floor: float,
    enough: float,
) -> None:
    task = named(name).tasks[1]
    check_trained(task, floor, enough)
    message = (
        rf"{name} task_2 \(.*\) is untrained: final return {enough - 1:.1f}, .* floor"
        rf" of {floor:.1f} takes {enough:.1f}"
    )
    with pytest.raises(DataError, match=message):
        check_trained(task, floor, enough - 1)


def test_what_earns_nothing_has_not_left_a_floor_of_nothing(named: Named) -> None:
    task = named("ant_dir").tasks[0]
    with pytest.raises(DataError, match="is untrained: final return 0"):
        check_trained(task, 0.0, 0.0)
    check_trained(task, 0.0, 0.1)


@pytest.fixture
def behaviours(wild: Any) -> BehaviourFile:
    """Made-up policies of the default suite's first task."""
    policies = {}
    for number, stage in enumerate(("medium", "final", "replay_1", "replay_10")):
        policy = wild(20, 6)
        weights = {}
        for name, weight in policy.weights.items():
            weights[name] = weight + number
        policies[stage] = replace(policy, weights=weights)
    return BehaviourFile(
        policies,
        {
            "algorithm": "PPO",
            "task": {"target_velocity": 1.5},
            "returns": {"final": -3.25},
        },
    )


def test_a_behaviour_file_gives_back_what_was_saved(
    behaviours: BehaviourFile,
    tmp_path: Path,
) -> None:
    save(behaviours, tmp_path / "deep" / "file.safetensors")
    loaded = BehaviourFile.load(tmp_path / "deep" / "file.safetensors")
    assert loaded.record == behaviours.record
    assert set(loaded.policies) == set(behaviours.policies)
    for stage, policy in behaviours.policies.items():
        assert isinstance(loaded.policies[stage], GaussianPolicy)
        assert set(loaded.policies[stage].weights) == set(policy.weights)
        for name, weight in policy.weights.items():
            np.testing.assert_array_equal(
                loaded.policies[stage].weights[name], np.float32(weight)
            )
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["file.safetensors"]


def test_replay_goes_from_the_oldest_policy_to_medium_and_the_expert_takes_its_mean(
    behaviours: BehaviourFile,
) -> None:
    stages = ["replay_1", "replay_10", "medium"]
    assert behaviours.replay == [behaviours.policies[stage] for stage in stages]
    observation, noise = (
        np.random.default_rng(0).standard_normal((2, 20)),
        np.ones((2, 6)),
    )
    expert, final = behaviours.expert, behaviours.policies["final"]
    np.testing.assert_array_equal(
        expert.act(observation, noise), final.act(observation, 0 * noise)
    )
    assert (expert.act(observation, noise) != final.act(observation, noise)).all()


def test_a_file_of_sac_has_squashed_policies(
    behaviours: BehaviourFile,
    tmp_path: Path,
) -> None:
    save(
        replace(behaviours, record={**behaviours.record, "algorithm": "SAC"}),
        tmp_path / "sac.safetensors",
    )
    loaded = BehaviourFile.load(tmp_path / "sac.safetensors")
    assert {type(policy) for policy in loaded.policies.values()} == {SquashedPolicy}


def test_another_tasks_file_is_refused(
    behaviours: BehaviourFile,
    signed: Suite,
) -> None:
    behaviours.check_task(signed.tasks[0])
    with pytest.raises(
        DataError,
        match=r"cheetah_vel_signed task_2: trained on .* 1.5}; the task is .* -1.5}",
    ):
        behaviours.check_task(signed.tasks[1])


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"no behaviour policies at .*id_9.safetensors; `make behaviours",
    ):
        BehaviourFile.load(tmp_path / "id_9.safetensors")


def write(path: Path, record: Any) -> None:
    text = record if isinstance(record, str) else json.dumps(record)
    save_file(
        {"medium/0.weight": np.zeros((2, 2), np.float32)},
        path,
        metadata={"record": text},
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x80\x04pickle of something"),
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: save_file({"a": np.zeros(1, np.float32)}, path),
        lambda path: write(path, "{not json"),
        lambda path: write(path, {"algorithm": "DQN", "task": {}}),
        lambda path: write(path, {"algorithm": "PPO"}),
        lambda path: write(path, [1, 2]),
    ],
)
def test_a_file_that_is_none_is_named(
    behaviours: BehaviourFile,
    tmp_path: Path,
    damage: Callable[[Path], None],
) -> None:
    path = tmp_path / "id_0.safetensors"
    save(behaviours, path)
    damage(path)
    with pytest.raises(
        DataError,
        match=(
            r"id_0.safetensors: not a behaviour file: .*; remove it, and"
            r" `kedro behaviours SUITE` makes it anew"
        ),
    ):
        BehaviourFile.load(path)


@pytest.mark.parametrize("stage", ["medium", "final"])
def test_a_file_without_a_stage_is_named(
    behaviours: BehaviourFile, tmp_path: Path, stage: str
) -> None:
    rest = {name: p for name, p in behaviours.policies.items() if name != stage}
    save(replace(behaviours, policies=rest), tmp_path / "id_0.safetensors")
    with pytest.raises(DataError, match=rf"id_0\.safetensors: .* no policy '{stage}'"):
        BehaviourFile.load(tmp_path / "id_0.safetensors")


def test_a_users_own_behaviours_come_before_the_packages(tmp_path: Path) -> None:
    package = behaviour_path("ant_dir", "id_0")
    assert package.parts[-4:] == ("suites", "behaviours", "ant_dir", "id_0.safetensors")
    assert behaviour_path("ant_dir", "id_0", tmp_path) == package
    own = tmp_path / "ant_dir" / "id_0.safetensors"
    own.parent.mkdir()
    own.touch()
    assert behaviour_path("ant_dir", "id_0", tmp_path) == own
    assert behaviour_path("ant_dir", "id_1", tmp_path) != own


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


def test_a_gaussian_policy_equals_its_formula() -> None:
    policy, noise = gaussian(), np.ones((3, 6))
    observation = np.random.default_rng(1).standard_normal((3, 20))
    observation[0, 0] = 1e6
    w = policy.weights
    mean = (
        np.tanh(np.clip((observation - 0.5) / 2, -10, 10) @ w["0.weight"] + w["0.bias"])
        @ w["1.weight"]
        + w["1.bias"]
    )
    np.testing.assert_allclose(
        policy.act(observation, noise), mean + np.arange(1, 7) / 10, rtol=1e-6
    )
    np.testing.assert_allclose(
        replace(policy, deterministic=True).act(observation, noise), mean, rtol=1e-6
    )


def layers_of(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the statistics that a squashed policy does not have."""
    return {n: w for n, w in weights.items() if n.endswith((".weight", ".bias"))}


def test_a_policys_float32_weights_compute_in_float64(wild: Any) -> None:
    """A float32 product rounds differently on another processor."""
    policy, noise = wild(20, 6), np.ones((32, 6))
    observation = np.random.default_rng(0).standard_normal((32, 20)).astype(np.float32)
    weights = {n: w.astype(np.float64) for n, w in policy.weights.items()}
    wide = observation.astype(np.float64)
    found = policy.act(observation, noise)
    np.testing.assert_array_equal(found, GaussianPolicy(weights).act(wide, noise))
    half = noise[:, :3]  # the other outputs are standard deviations
    found = SquashedPolicy(layers_of(policy.weights)).act(observation, half)
    wanted = SquashedPolicy(layers_of(weights)).act(wide, half)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["cheetah_vel_signed", "ant_dir", "walker_par"])
def test_what_is_stored_is_on_the_grid_and_was_applied(named: Named, name: str) -> None:
    task = replace(named(name).tasks[0], horizon=20)
    physics = task.physics()
    file = committed(task)
    for behaviour in (file.policies["medium"], file.expert, UniformPolicy()):
        episodes = play(task, behaviour, 3, "grid")
        action = episodes.action.astype(np.float64)
        np.testing.assert_array_equal(action * 2**20, np.rint(action * 2**20))
        assert np.abs(action).max() <= 1.0
        assert len(np.unique(action)) > 20
        for b, generator in enumerate(episode_generators("grid", 0, task.index, 3)):
            # The noise comes first.
            generator.standard_normal((task.horizon, physics.action_size))
            state = physics.new_state()
            physics.reset(state, generator)
            for t in range(int(episodes.length[b])):
                reward = np.float32(physics.step(state, action[b, t]).reward)
                assert reward == episodes.reward[b, t]
                seen = physics.observe(state).astype(np.float32)
                np.testing.assert_array_equal(seen, episodes.observation[b, t + 1])


def test_the_grid_is_fine_and_exact_in_float32() -> None:
    action = np.random.default_rng(0).uniform(-1.0, 1.0, 1_000)
    rounded = on_grid(action)
    assert np.abs(rounded - action).max() <= 2.0**-21
    np.testing.assert_array_equal(rounded.astype(np.float32), rounded)
    np.testing.assert_array_equal(on_grid(rounded), rounded)
    np.testing.assert_array_equal(on_grid(action + 1e-14), rounded)


def test_noise_belongs_to_the_episode_not_to_its_company() -> None:
    def noise(numbers: slice) -> np.ndarray:
        return Acting.of(
            UniformPolicy(), episode_generators("noise", 3, 1, 5)[numbers], 10, 6
        ).noise

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
    assert not np.array_equal(
        play(task, UniformPolicy(), 2, "rounds", seed=3, first=2).action, late.action
    )


def test_evaluation_starts_are_common_to_members_and_never_those_of_the_data(
    signed: Suite,
) -> None:
    tasks = [replace(task, horizon=3) for task in signed.tasks[:2]]

    def act(task: Task, observation: np.ndarray) -> np.ndarray:
        return np.full(
            (*observation.shape[:2], 6),
            np.arange(observation.shape[0])[:, None, None] / 2,
        )

    result = evaluate_policies(tasks, act, members=2, episodes=5, purpose="evaluation")
    starts = []
    for one, other in result:
        np.testing.assert_array_equal(one.observation[:, 0], other.observation[:, 0])
        starts.append(one.observation[:, 0])
    one, other = result[0]
    assert not np.array_equal(one.reward, other.reward)
    for task in tasks:
        for kind in ("medium", "random"):
            collected = play(task, ZeroPolicy(), 100, f"collect {kind}")
            starts.append(collected.observation[:, 0])
    everything = np.concatenate(starts)
    assert len(np.unique(everything, axis=0)) == len(everything) == 410


def test_evaluation_hands_every_member_and_task_its_own_rows(signed: Suite) -> None:
    tasks = [replace(task, horizon=3) for task in signed.tasks[:3]]

    def policy(task: int, member: int, observation: np.ndarray) -> np.ndarray:
        return 0.3 * np.tanh(observation[..., :6]) + task / 10 + member / 100

    def act(task: Task, observation: np.ndarray) -> np.ndarray:
        return np.stack(
            [policy(task.index, m, rows) for m, rows in enumerate(observation)]
        )

    result = evaluate_policies(tasks, act, members=4, episodes=2, purpose="rows")
    for k, by_member in enumerate(result):
        for m, run in enumerate(by_member):
            np.testing.assert_allclose(
                run.action, policy(k + 1, m, run.observation[:, :-1]), atol=1e-6
            )
