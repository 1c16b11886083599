"""The report, on systems and models whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import DataError
from oer_pipeline.dynamics.assessment import open_loop as module
from oer_pipeline.dynamics.assessment import report as whole
from oer_pipeline.dynamics.assessment.accuracy import accuracy
from oer_pipeline.dynamics.assessment.calibration import calibration
from oer_pipeline.dynamics.assessment.linear import LinearModel
from oer_pipeline.dynamics.assessment.open_loop import open_loop
from oer_pipeline.dynamics.assessment.report import report
from oer_pipeline.dynamics.assessment.uncertainty_by_distance import (
    auroc,
    outside_the_data,
    spearman,
    uncertainty_by_distance,
)
from oer_pipeline.dynamics.fit import fit_transition_model, heldout_rows
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.networks.randomness import generator
from oer_pipeline.trajectories.table import Trajectories

CHANGE = np.array([[0.1, 0.5], [-0.2, 0.3]])


@pytest.fixture(scope="module")
def model(system: Trajectories, small: DynamicsSettings) -> TransitionModel:
    return fit_transition_model(system, small, seed=3, task=2)[0]


@pytest.fixture(scope="module")
def found(
    model: TransitionModel, system: Trajectories, small: DynamicsSettings
) -> dict[str, Any]:
    return report(model, system, heldout_rows(system, small, 3, 2), seed=0)


def gaussian_model(
    means: list[float], sigma: float, scale: float = 1.0
) -> TransitionModel:
    """Members that predict s' - s = scale * mean and r = mean, with this standard
    deviation, whatever (s, a)."""
    members, statistics = (
        len(means),
        Statistics(torch.zeros(2), torch.tensor([scale, 1.0])),
    )
    bias = (
        torch.tensor([[m, m, np.log(sigma), np.log(sigma)] for m in means])
        .view(members, 1, 4)
        .float()
    )
    limits = {
        "max_log_sigma": torch.full((members, 1, 2), 30.0),
        "min_log_sigma": torch.full((members, 1, 2), -30.0),
    }
    parameters = {
        "mlp.0.weight": torch.zeros(members, 2, 4),
        "mlp.0.bias": bias,
        **limits,
    }
    return TransitionModel(
        parameters, Statistics(torch.zeros(2), torch.ones(2)), statistics
    )


def table(
    change: np.ndarray,
    reward: np.ndarray,
    length: int = 20,
    action: np.ndarray | None = None,
) -> Trajectories:
    """Made-up rows of one state and one action dimension, in episodes of `length`."""
    rows, draw = len(reward), np.random.default_rng(0)
    state = draw.standard_normal((rows, 1)).astype(np.float32)
    action = (
        draw.uniform(-1, 1, (rows, 1)).astype(np.float32) if action is None else action
    )
    flags, number = np.zeros(rows, bool), np.arange(rows, dtype=np.int32)
    return Trajectories(
        state,
        action,
        state + change.astype(np.float32),
        reward.astype(np.float32),
        flags,
        flags,
        number // length,
        number % length,
    )


def test_the_ensemble_beats_no_change_and_a_linear_model_on_heldout_episodes(
    found: dict[str, Any],
) -> None:
    error = found["standardised_rmse"]
    assert error["ensemble"] < 0.5 * min(error["linear"], error["no_change"])
    for measure in ("rmse", "nll"):
        for moving in (0, 1, 3):  # 2 is constant, 3 is the reward
            ensemble, *references = (
                found[measure][name][moving]
                for name in ("ensemble", "linear", "no_change")
            )
            assert ensemble < min(references), (measure, moving)
    assert [per_dimension[2] for per_dimension in found["nll"].values()] == [None] * 3
    ahead = found["open_loop"]
    assert all(
        a < min(b, c)
        for a, b, c in zip(
            ahead["ensemble"][:2], ahead["linear"], ahead["no_change"], strict=False
        )
    )


def test_no_change_and_linear_are_what_they_say(system: Trajectories) -> None:
    change = system.observation[:, :2] @ CHANGE.astype(np.float32) + system.action
    moved = np.concatenate((change, np.zeros_like(change[:, :1])), axis=1)
    linear_data = replace(
        system,
        next_observation=system.observation + moved,
        reward=3 * system.action[:, 0] + 1,
    )
    training, heldout = (
        linear_data.select(slice(0, 1000)),
        linear_data.select(slice(1000, 1500)),
    )
    model, _ = fit_transition_model(
        linear_data,
        DynamicsSettings(members=1, hidden=(8,), max_epochs=1, batch_size=32),
    )
    found = accuracy(model, LinearModel.fit(model.inputs, training), training, heldout)
    np.testing.assert_allclose(found["rmse"]["linear"], 0, atol=1e-5)
    np.testing.assert_allclose(
        found["rmse"]["no_change"][:2], np.sqrt((change[1000:] ** 2).mean(0)), rtol=1e-5
    )
    no_reward = np.sqrt(((heldout.reward - training.reward.mean()) ** 2).mean())
    np.testing.assert_allclose(found["rmse"]["no_change"][3], no_reward, rtol=1e-5)


def test_likelihoods_are_those_of_the_densities() -> None:
    from scipy.stats import norm

    change, reward = np.full((40, 1), 3.0), np.linspace(-1, 1, 40)
    training, heldout = table(change[:20], reward[:20]), table(change[20:], reward[20:])
    model = gaussian_model([0.0, 1.0], sigma=0.5, scale=2.0)
    found = accuracy(model, LinearModel.fit(model.inputs, training), training, heldout)[
        "nll"
    ]
    mixture = 0.5 * (
        norm.pdf(1.5, 0, 0.5) + norm.pdf(1.5, 1, 0.5)
    )  # the change in standardised units
    assert found["ensemble"][0] == pytest.approx(-np.log(mixture), rel=1e-4)
    still = -norm.logpdf(
        heldout.reward, training.reward.mean(), training.reward.std()
    ).mean()
    assert found["no_change"][1] == pytest.approx(still, rel=1e-4)


@pytest.mark.parametrize(("sigma", "claims"), [(1.0, 0.0), (3.0, 1.0), (0.3, -1.0)])
def test_calibration_knows_the_cautious_from_the_sure(
    sigma: float, claims: float
) -> None:
    draw = np.random.default_rng(1)
    data = table(draw.standard_normal((20_000, 1)), draw.standard_normal(20_000))
    found = calibration(gaussian_model([0.0, 0.0], sigma), data)
    gap = np.array(found["empirical"]) - found["nominal"]
    if claims == 0:
        np.testing.assert_allclose(gap, 0, atol=0.01)
    else:
        assert (claims * gap[5:15] > 0.2).all()
    assert found["error"] == pytest.approx(np.abs(gap).mean())
    np.testing.assert_allclose(
        np.mean(found["by_dimension"], axis=0), found["empirical"]
    )


def test_calibration_is_that_of_the_mixture() -> None:
    draw = np.random.default_rng(2)
    y = draw.choice([-2.0, 2.0], (20_000, 2)) + 0.5 * draw.standard_normal((20_000, 2))
    found = calibration(gaussian_model([-2.0, 2.0], 0.5), table(y[:, :1], y[:, 1]))
    np.testing.assert_allclose(found["empirical"], found["nominal"], atol=0.01)


def test_a_perfect_model_does_not_drift_and_no_change_is_the_distance_gone() -> None:
    data = replace(
        table(np.zeros((60, 1)), np.zeros(60)), step=np.arange(60, dtype=np.int32)
    )
    path = 0.5 * np.arange(61, dtype=np.float32)[:, None]
    data = replace(
        data,
        observation=path[:-1],
        next_observation=path[1:],
        episode=np.zeros(60, np.int32),
    )
    model = gaussian_model([0.5], 0.1)
    linear = LinearModel(
        model.inputs, np.array([[0.0, 0.0], [0.0, 0.0], [0.7, 0.0]])
    )  # s' = s + 0.7
    found = open_loop(model, linear, data, generator("test", 0, 1))
    assert found["steps"] == [1, 5, 20, 50]
    assert found["starts"] == [60, 56, 41, 11]
    np.testing.assert_allclose(found["ensemble"], 0, atol=1e-4)
    np.testing.assert_allclose(found["no_change"], [0.5, 2.5, 10, 25], rtol=1e-5)
    np.testing.assert_allclose(found["linear"], [0.2, 1, 4, 10], rtol=1e-4)


def test_open_loop_follows_the_data_s_actions_and_stops_at_an_episode_s_end() -> None:
    action = np.random.default_rng(0).uniform(-1, 1, (40, 1)).astype(np.float32)
    path = np.concatenate(
        [np.cumsum(np.vstack(([[0]], a)), axis=0) for a in (action[:7], action[7:])]
    )
    rows = np.r_[0:7, 8:41]
    episode = np.repeat(np.int32([0, 1]), [7, 33])
    data = table(np.zeros((40, 1)), np.zeros(40), action=action)
    data = replace(
        data, observation=path[rows], next_observation=path[rows + 1], episode=episode
    )
    model = gaussian_model([0.0], 0.1)
    linear = LinearModel(
        model.inputs, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    )  # s' = s + a
    found = open_loop(model, linear, data, generator("test", 0, 1))
    assert found["starts"] == [40, 3 + 29, 14, 0]
    np.testing.assert_allclose(found["linear"][:3], 0, atol=1e-5)
    assert found["linear"][3] is None
    assert min(found["no_change"][:3]) > 0.1


def test_what_blows_up_is_null_not_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS", (1, 2000))
    data = table(np.zeros((3000, 1)), np.zeros(3000), length=3000)
    model = gaussian_model([0.0], 0.1)
    doubling = LinearModel(model.inputs, np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
    found = open_loop(model, doubling, data, generator("test", 0, 1))
    assert found["linear"][0] is not None
    assert found["linear"][1] is None
    json.dumps(found, allow_nan=False)


def test_outside_is_made_as_described(
    model: TransitionModel, system: Trajectories
) -> None:
    inside = torch.from_numpy(system.observation), 0.5 * torch.from_numpy(system.action)
    made = outside_the_data(model, inside, generator("test", 0, 1))
    states, actions = made["random_action"]
    assert states.equal(inside[0])
    assert 0.45 < actions.max() <= 0.5
    assert abs(float(actions.std()) - 1 / np.sqrt(12)) < 0.02
    states, actions = made["perturbed_state"]
    assert actions.equal(inside[1])
    moved = (states - inside[0])[:, :2] / inside[0][:, :2].std(dim=0)
    np.testing.assert_allclose(moved.std(dim=0), 1, atol=0.05)
    assert states[:, 2].equal(
        inside[0][:, 2]
    )  # constant in the data: any other value means nothing to the model


def test_uncertainty_follows_the_error_and_rises_outside(found: dict[str, Any]) -> None:
    judged = found["uncertainty"]
    assert set(judged) == {"disagreement", "max_std", "mixture"}
    for name in ("disagreement", "mixture"):
        assert judged[name]["spearman"] > 0.1
        assert judged[name]["auroc"]["perturbed_state"] > 0.6
        assert judged[name]["perturbed_state"][1] > judged[name]["inside"][1]
    assert np.mean(judged["mixture"]["error_by_decile"]) == pytest.approx(
        np.mean(judged["disagreement"]["error_by_decile"])
    )


def test_a_planted_order_of_errors_is_found(
    model: TransitionModel, system: Trajectories
) -> None:
    pairs = torch.from_numpy(system.observation), torch.from_numpy(system.action)
    mean, _ = model.predict(*pairs)
    off = model.uncertainty(
        *pairs
    ).numpy()  # the error in the reward is made to be the disagreement
    moved = system.observation + mean.mean(0).numpy()[:, :-1]
    planted = replace(
        system, next_observation=moved, reward=mean.mean(0).numpy()[:, -1] + off
    )
    judged = uncertainty_by_distance(model, planted, generator("test", 0, 1))
    assert judged["disagreement"]["spearman"] > 0.99
    assert judged["max_std"]["spearman"] < 0.9
    assert judged["disagreement"]["error_by_decile"] == sorted(
        judged["disagreement"]["error_by_decile"]
    )


def test_fewer_rows_than_groups_have_no_error_by_group(
    model: TransitionModel, system: Trajectories
) -> None:
    for rows, known in ((9, False), (10, True)):
        few = system.select(slice(0, rows))
        judged = uncertainty_by_distance(model, few, generator("test", 0, 1))
        errors = judged["disagreement"]["error_by_decile"]
        assert len(errors) == 10
        assert [error is not None for error in errors] == [known] * 10


def test_rank_statistics() -> None:
    from scipy.stats import spearmanr

    a, b = np.random.default_rng(0).integers(0, 9, (2, 50)).astype(float)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert spearman(np.ones(4), np.arange(4.0)) is None
    assert auroc(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1
    assert auroc(np.array([1.0, 3.0]), np.array([2.0, 3.0, 0.0])) == pytest.approx(
        (1 + 1.5 + 0) / 6
    )


def test_the_report_is_reproducible_and_plain_json(
    model: TransitionModel,
    system: Trajectories,
    small: DynamicsSettings,
    found: dict[str, Any],
) -> None:
    heldout = heldout_rows(system, small, 3, 2)
    text = json.dumps(found, allow_nan=False)
    assert json.dumps(report(model, system, heldout, seed=0), allow_nan=False) == text
    assert json.dumps(report(model, system, heldout, seed=1), allow_nan=False) != text


def test_large_data_are_sampled(
    model: TransitionModel,
    system: Trajectories,
    small: DynamicsSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    predict = TransitionModel.standardised
    monkeypatch.setattr(whole, "HELDOUT_ROWS", 30)
    monkeypatch.setattr(
        TransitionModel,
        "standardised",
        lambda m, s, a: sizes.append(len(s)) or predict(m, s, a),
    )
    report(model, system, heldout_rows(system, small, 3, 2), seed=0)
    assert set(sizes) == {30}


@pytest.mark.parametrize(("rows", "marked"), [(5, 1), (1500, 0), (1500, 1500)])
def test_a_mask_that_is_no_split_is_refused(
    model: TransitionModel, system: Trajectories, rows: int, marked: int
) -> None:
    with pytest.raises(DataError, match=f"with {marked} rows; the data have 1500 rows"):
        report(model, system, np.arange(rows) < marked, seed=0)
