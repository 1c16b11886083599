"""Training behaviours: numpy policies are Stable-Baselines3's; medium and untrained by
the rules; files are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.suites import behaviour_training, ppo, sac
from oer_pipeline.suites.behaviour import BehaviourFile, GaussianPolicy, SquashedPolicy
from oer_pipeline.suites.behaviour_training import (
    ALGORITHMS,
    Training,
    make,
    save,
    train,
)
from oer_pipeline.suites.diverged_returns import worst_reward
from oer_pipeline.suites.environment import task_env
from oer_pipeline.suites.ppo import PPOSettings
from oer_pipeline.suites.sac import SACSettings
from oer_pipeline.suites.suite import Suite

Constant = Callable[[int, int, float], GaussianPolicy]
Counting = Callable[..., Suite]
TINY = PPOSettings(
    steps=256, environments=2, rollout_steps=64, batch=32, epochs=2, snapshots=4
)


def observations(size: int = 20) -> np.ndarray:
    """Ordinary ones and some that the standardisation has to clip."""
    draw = (
        np.random.default_rng(3).standard_normal((64, size))
        * np.geomspace(0.1, 100, 64)[:, None]
    )
    return draw.astype(np.float32)


def test_ppo_in_numpy_is_stable_baselines_own(signed: Suite) -> None:
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    environments = VecNormalize(DummyVecEnv([lambda: task_env(signed.tasks[0])] * 2))
    how = {"net_arch": [64, 64], "log_std_init": -1.0}
    model = PPO(
        "MlpPolicy",
        environments,
        n_steps=64,
        batch_size=32,
        policy_kwargs=how,
        seed=0,
        device="cpu",
    )
    model.learn(256)
    ours, noise = (
        ppo._to_numpy(model.policy, environments.obs_rms),
        np.random.default_rng(1).standard_normal((64, 6)),
    )
    with torch.no_grad():
        normalised = torch.as_tensor(environments.normalize_obs(observations()))
        theirs = model.policy.get_distribution(normalised).distribution
    assert (np.abs(environments.normalize_obs(observations())) == 10.0).any()
    sampled = theirs.mean.numpy() + theirs.stddev.numpy() * noise
    np.testing.assert_allclose(ours.act(observations(), noise), sampled, atol=1e-5)
    np.testing.assert_allclose(
        ours.act(observations(), 0 * noise), theirs.mean.numpy(), atol=1e-5
    )


def test_sac_in_numpy_is_stable_baselines_own(signed: Suite) -> None:
    import torch
    from stable_baselines3 import SAC

    how = {"net_arch": [32, 32]}
    model = SAC(
        "MlpPolicy",
        task_env(signed.tasks[0]),
        learning_starts=20,
        policy_kwargs=how,
        seed=0,
        device="cpu",
    )
    model.learn(60)
    ours, noise = (
        sac._to_numpy(model.actor),
        np.random.default_rng(1).standard_normal((64, 6)),
    )
    with torch.no_grad():
        mean, log_std, _ = model.actor.get_action_dist_params(
            torch.as_tensor(observations())
        )
    sampled = np.tanh(mean.numpy() + np.exp(log_std.numpy()) * noise)
    np.testing.assert_allclose(ours.act(observations(), noise), sampled, atol=1e-5)
    expert = SquashedPolicy(ours.weights, deterministic=True)
    deployed, _ = model.predict(observations(), deterministic=True)
    np.testing.assert_allclose(expert.act(observations(), noise), deployed, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (ppo, TINY),
        (sac, SACSettings(steps=60, hidden=16, batch=16, warm_up=20, snapshots=4)),
    ],
)
def test_training_takes_snapshots_on_the_way_and_repeats_itself(
    signed: Suite,
    module: Any,
    settings: Any,
) -> None:
    taken = module.train(signed.tasks[0], settings)
    steps = [step for step, _ in taken]
    assert steps == sorted(steps)
    assert (
        len(taken) == settings.snapshots + 2
    )  # the first, one after each quarter, the last
    assert steps[-1] == settings.steps
    weights = [policy.weights["0.weight"] for _, policy in taken]
    assert not np.array_equal(
        weights[0], weights[-1]
    )  # snapshots do not move with the network
    again = module.train(signed.tasks[0], settings)
    np.testing.assert_array_equal(again[-1][1].weights["0.weight"], weights[-1])


@pytest.fixture
def curve(monkeypatch: pytest.MonkeyPatch, constant: Constant) -> list[float]:
    """Returns of the snapshots that the algorithm "curve" makes on a `Counter` of
    horizon 10: a tenth is the action."""
    returns: list[float] = []

    def snapshots(_task: Any, _settings: Any) -> list[tuple[int, GaussianPolicy]]:
        return [
            (100 * n, constant(1, 1, value / 10)) for n, value in enumerate(returns)
        ]

    monkeypatch.setitem(ALGORITHMS, "PPO", (snapshots, PPOSettings))
    return returns


@pytest.mark.parametrize(
    ("returns", "medium", "replay"),
    [
        ([0.1, 1, 4, 6, 4, 10], 300, [0, 100, 200]),
        ([0.1, 9, 1, 2, 10], 100, [0]),
        ([7, 8, 10], 0, []),
        ([0.1 * n for n in range(1, 21)] + [10], 2_000, [0, 400, 800, 1_200, 1_600]),
    ],
)
def test_medium_is_the_first_snapshot_half_way_from_the_floor(
    curve: list[float],
    counting: Counting,
    returns: list[float],
    medium: int,
    replay: list[int],
) -> None:
    curve += returns
    file = train(counting(toll=1).tasks[0], Training("PPO", TINY, episodes=50))
    assert file.record["medium_steps"] == medium
    assert file.record["replay_steps"] == replay
    assert len(file.replay) == len(replay) + 1
    found = file.record["returns"]
    assert found["zero"] == 0.0
    assert -7 < found["random"] < -3  # worse than nothing, so nothing is the floor
    assert found["medium"] == pytest.approx(returns[medium // 100])
    assert found["final"] == pytest.approx(10.0)
    assert [value for _, value in file.record["curve"]] == pytest.approx(
        returns, abs=0.01
    )
    assert file.replay[-1] is file.policies["medium"]


def test_a_policy_at_the_floor_is_no_behaviour(
    curve: list[float],
    counting: Counting,
) -> None:
    curve += [-5.0, -2.0, -1.0]
    with pytest.raises(
        DataError, match=r"counting task_1 .* is untrained: final return -1.0"
    ):
        train(counting().tasks[0], Training("PPO", TINY))


def test_scores_of_episodes_that_the_physics_breaks_off_are_continued(
    curve: list[float],
    counting: Counting,
) -> None:
    """After two of ten steps: at +1 they sum to 2, and doing nothing would have had
    0."""
    curve += [1.0, 5.0, 10.0]
    task = counting(breaks=3).tasks[0]
    worst = worst_reward(replace(task, index=0))
    assert worst < -0.8
    returns = train(task, Training("PPO", TINY)).record["returns"]
    assert returns["final"] == pytest.approx(2.0 + 8.0 * worst)
    assert returns["zero"] == pytest.approx(8.0 * worst)


def test_a_curve_without_a_medium_is_named(signed: Suite) -> None:
    with pytest.raises(
        DataError,
        match=(
            r"cheetah_vel_signed task_1: no snapshot reaches medium, -50.0; the best is"
            r" -60.0 .*behaviours.yml"
        ),
    ):
        behaviour_training._medium([-90.0, -60.0, -70.0], -50.0, signed.tasks[0])
    assert (
        behaviour_training._medium([-90.0, -50.0, -10.0], -50.0, signed.tasks[0]) == 1
    )


def test_a_record_says_how_the_behaviours_came_about(
    curve: list[float],
    counting: Counting,
    tmp_path: Path,
) -> None:
    curve += [0.0, 6.0, 10.0]
    file = train(counting(ends=50).tasks[0], Training("PPO", TINY))
    save(file, tmp_path / "x.safetensors")
    record = BehaviourFile.load(tmp_path / "x.safetensors").record
    assert record["task"] == {"ends": 50}
    assert record["algorithm"] == "PPO"
    assert record["settings"] == json.loads(json.dumps(vars(TINY)))
    assert record["horizon"] == 10


def test_what_fails_is_named_and_writes_nothing(tmp_path: Path) -> None:
    """The task is really trained, too short to leave the floor."""
    config = {
        "family": "cheetah_vel",
        "horizon": 50,
        "tasks": [{"target_velocity": 5.5}],
    }
    [task] = Suite.from_config("mine", config).tasks
    with pytest.raises(
        DataError, match=r"mine task_1 \(target_velocity=5.5\) is untrained"
    ):
        make(task, Training("PPO", TINY, episodes=1), tmp_path / "x" / "y.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_training_ends_in_a_file_and_a_line(
    curve: list[float], counting: Counting, tmp_path: Path
) -> None:
    curve += [0.0, 6.0, 10.0]
    path = tmp_path / "x" / "y.safetensors"
    line = make(counting(ends=50).tasks[0], Training("PPO", TINY), path)
    assert "final 10.0" in line
    assert BehaviourFile.load(path).record["algorithm"] == "PPO"


def test_settings_come_from_configuration_and_mistakes_are_named() -> None:
    assert Training.from_config("ant_dir", {}) == Training("PPO", PPOSettings())
    sac_training = Training.from_config(
        "ant_dir", {"algorithm": "SAC", "steps": 7, "episodes": 3}
    )
    assert sac_training == Training("SAC", SACSettings(steps=7), 3)
    with pytest.raises(
        ConfigurationError,
        match="behaviours of ant_dir: algorithm 'TD3'; choose one of PPO, SAC",
    ):
        Training.from_config("ant_dir", {"algorithm": "TD3"})
    with pytest.raises(
        ConfigurationError, match="unknown setting 'step' of PPO; did you mean steps"
    ):
        Training.from_config("ant_dir", {"step": 1})


@pytest.mark.parametrize(
    "told",
    [
        {"discount": 2},
        {"steps": 10**12},
        {"steps": "x"},
        {"hidden": 10**8},
        {"episodes": -1},
        {"batch": 0},
        {"snapshots": 0},
        {"learning_rate": float("nan")},
        {"seed": True},
        {"gae_lambda": 1.5},
        {"environments": 0},
        {"rollout_steps": 0},
        {"epochs": 0},
        {"log_std": float("inf")},
        {"algorithm": "SAC", "warm_up": -1},
        {"algorithm": "SAC", "discount": 1.0},
    ],
)
def test_what_no_behaviour_is_trained_with_is_refused(told: dict[str, Any]) -> None:
    """Before any work, as a learner's settings are."""
    name = list(told)[-1]
    with pytest.raises(ConfigurationError, match=rf"behaviours of ant_dir: {name} is"):
        Training.from_config("ant_dir", told)


def test_what_the_files_train_behaviours_with_is_taken() -> None:
    file = Path(__file__).parents[2] / "conf/base/behaviours.yml"
    families = yaml.safe_load(file.read_text())
    for family, told in families.items():
        if isinstance(told, dict) and "steps" in told:
            assert Training.from_config(family, told).settings.steps == told["steps"]
