"""Fitting: noise is learned, fits are reproducible, and the same for a member alone and
in company."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.dynamics.assessment.report import report
from oer_pipeline.dynamics.fit import (
    Samples,
    fit_transition_model,
    heldout_nll,
    heldout_rows,
    split_by_episode,
    train,
)
from oer_pipeline.dynamics.inputs_and_targets import inputs_of, targets_of
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.dynamics.network import gaussian
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.networks.randomness import generator, generators
from oer_pipeline.networks.stacked import take_members
from oer_pipeline.trajectories.table import Trajectories

Fitted = tuple[TransitionModel, dict[str, Any]]


@pytest.fixture(scope="module")
def fitted(system: Trajectories, small: DynamicsSettings) -> Fitted:
    return fit_transition_model(system, small, seed=3, task=2)


def samples(rows: int, seed: int) -> Samples:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 4, generator=draw)
    return x, torch.stack(
        (x[:, 0] * x[:, 1], x[:, 2].sin()), dim=1
    ) + 0.3 * torch.randn(rows, 2, generator=draw)


def test_the_predicted_deviation_follows_the_noise() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(3000, 2, generator=draw)
    noise = torch.where(x[:, :1] > 0, 0.5, 0.1)
    y = x.sum(dim=1, keepdim=True) + noise * torch.randn(3000, 1, generator=draw)
    settings = DynamicsSettings(
        hidden=(32,), batch_size=64, min_improvement=0.0, max_epochs=40
    )
    best, _ = train(
        (x[:2500], y[:2500]),
        (x[2500:], y[2500:]),
        settings,
        generators("noise", [0, 1], 1),
    )
    _, log_sigma = gaussian(best.parameters, x[2500:].expand(2, -1, -1))
    for noisy, sigma in ((True, 0.5), (False, 0.1)):
        side = (x[2500:, 0] > 0) == noisy
        predicted = (
            log_sigma[:, side & (x[2500:, 0].abs() > 0.2)].detach().mean(dim=1).exp()
        )
        np.testing.assert_allclose(predicted.squeeze(1), sigma, rtol=0.2)


def test_same_seed_same_bytes_another_seed_other_weights(
    system: Trajectories, small: DynamicsSettings
) -> None:
    few = replace(small, max_epochs=2)
    (first, report), (second, again), (other, _) = (
        fit_transition_model(system, few, seed=s) for s in (0, 0, 1)
    )
    assert json.dumps(report) == json.dumps(again)
    assert all(t.equal(second.tensors()[name]) for name, t in first.tensors().items())
    assert not first.parameters["mlp.0.weight"].equal(other.parameters["mlp.0.weight"])


def test_replayed_updates_are_the_eager_ones(
    system: Trajectories, small: DynamicsSettings
) -> None:
    few = replace(small, max_epochs=2)
    (replayed, report), (eager, again) = (
        fit_transition_model(system, few, graphs=graphs) for graphs in (True, False)
    )
    assert report == again
    assert all(t.equal(eager.tensors()[name]) for name, t in replayed.tensors().items())


def test_a_member_is_bit_for_bit_the_same_alone_and_among_others() -> None:
    settings = DynamicsSettings(
        hidden=(32, 32), batch_size=32, learning_rate=1e-2, patience=2, max_epochs=40
    )
    training, heldout = samples(300, 0), samples(100, 1)
    together, _ = train(
        training, heldout, settings, generators("company", [0, 1, 2], 1)
    )
    assert (
        len(set(together.epoch.tolist())) > 1
    )  # they stop at different times, which must not matter either
    for member in range(3):
        alone, _ = train(
            training, heldout, settings, generators("company", [member], 1)
        )
        assert alone.loss[0] == together.loss[member]
        for name, value in take_members(together.parameters, [member]).items():
            assert value.equal(alone.parameters[name]), name


def test_training_stops_early_and_keeps_the_weights_of_the_best_epoch() -> None:
    settings = DynamicsSettings(
        members=2, hidden=(64, 64), batch_size=16, learning_rate=1e-2, max_epochs=100
    )
    training, heldout = (
        samples(100, 0),
        samples(100, 1),
    )  # so few that it overfits at once
    messages: list[str] = []
    best, epochs = train(
        training, heldout, settings, generators("overfit", [0, 1], 1), messages.append
    )
    assert epochs < settings.max_epochs
    assert len(messages) == epochs
    assert max(best.epoch.tolist()) < epochs
    assert heldout_nll(best.parameters, heldout).equal(best.loss)


def test_elites_are_the_members_of_the_best_heldout_likelihood(
    system: Trajectories, small: DynamicsSettings
) -> None:
    few = replace(small, members=5, max_epochs=2)
    (everyone, record), (best, kept) = (
        fit_transition_model(system, few),
        fit_transition_model(system, replace(few, elites=2)),
    )
    assert record["elites"] == [0, 1, 2, 3, 4]
    assert kept["heldout_nll"] == record["heldout_nll"]  # of all that were trained
    assert kept["elites"] == sorted(np.argsort(record["heldout_nll"])[:2].tolist())
    assert best.members == 2
    for name, value in take_members(everyone.parameters, kept["elites"]).items():
        assert value.equal(best.parameters[name]), name


def test_heldout_rows_are_those_that_the_fit_held_out(
    system: Trajectories, small: DynamicsSettings
) -> None:
    model, record = fit_transition_model(
        system, replace(small, max_epochs=1), seed=4, task=2
    )
    heldout = heldout_rows(system, small, seed=4, task=2)
    x = model.inputs.standardise(torch.from_numpy(inputs_of(system)[heldout]))
    y = model.outputs.standardise(torch.from_numpy(targets_of(system)[heldout]))[
        :, model.outputs.varying
    ]
    assert heldout_nll(model.parameters, (x, y)).tolist() == pytest.approx(
        record["heldout_nll"], rel=1e-5
    )


def marked(system: Trajectories, filling: float) -> Trajectories:
    """Every third episode ends terminal, nobody knows where; the last one is nothing
    else."""
    ends = system.starts + system.lengths - 1
    terminal = np.isin(np.arange(len(system)), ends[::3])
    terminal[system.episode == 59] = True
    following = system.next_observation.copy()
    following[terminal] = filling
    return replace(
        system, next_observation=following, terminal=terminal, next_known=~terminal
    )


def test_rows_that_nobody_knows_the_end_of_take_part_in_nothing(
    system: Trajectories, small: DynamicsSettings
) -> None:
    """Fit, statistics, split, held-out likelihood and report are those of the other
    rows."""
    few = replace(small, max_epochs=3)
    tables = [marked(system, 0.0), marked(system, 1e3)]
    tables.append(tables[0].select(tables[0].known))
    fits = [fit_transition_model(table, few, seed=4, task=2) for table in tables]
    tensors = [model.tensors() for model, _ in fits]
    records = [record for _, record in fits]
    told = []
    for table, (model, _) in zip(tables, fits, strict=True):
        told.append(
            json.dumps(report(model, table, heldout_rows(table, few, 4, 2), seed=0))
        )
    assert records[0] == records[1] == records[2]
    assert sum(records[0]["rows"].values()) == int(tables[0].known.sum())
    assert told[0] == told[1] == told[2]
    for name, tensor in tensors[0].items():
        assert tensor.equal(tensors[1][name]), name
        assert tensor.equal(tensors[2][name]), name
    known = inputs_of(tables[2])
    np.testing.assert_allclose(fits[0][0].inputs.mean, known.mean(axis=0), atol=1e-5)


def test_members_differ(fitted: Fitted, system: Trajectories) -> None:
    mean, _ = fitted[0].predict(
        torch.from_numpy(system.observation), torch.from_numpy(system.action)
    )
    assert (mean[0] - mean[1]).abs().max() > 1e-3


def test_the_split_keeps_episodes_whole(system: Trajectories) -> None:
    heldout = split_by_episode(system, 0.1, generator("split", 0, 1))
    assert not set(system.episode[heldout]) & set(system.episode[~heldout])
    assert len(set(system.episode[heldout])) == 6
    tiny = system.select(np.flatnonzero(system.episode < 2))
    assert split_by_episode(tiny, 0.01, generator("split", 0, 1)).sum() == 25
    assert split_by_episode(tiny, 0.99, generator("split", 0, 1)).sum() == 25


def test_what_cannot_be_fitted_is_refused(
    system: Trajectories, small: DynamicsSettings
) -> None:
    with pytest.raises(DataError, match=r"2 episodes or more.* have 1"):
        fit_transition_model(system.select(slice(0, 25)), small)
    still = replace(
        system, next_observation=system.observation, reward=np.zeros_like(system.reward)
    )
    with pytest.raises(DataError, match="ever changes"):
        fit_transition_model(still, small)
    settings = replace(small, max_epochs=1)
    object.__setattr__(
        settings, "learning_rate", 1e30
    )  # within its bounds nothing diverges here
    with pytest.raises(DataError, match=r"diverged.*learning_rate"):
        fit_transition_model(system, settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("members", 0),
        ("elites", 0),
        ("elites", 6),
        ("elites", "2"),
        ("hidden", (0,)),
        ("learning_rate", 0.0),
        ("holdout", 1.0),
        ("weight_decay", -1),
        ("patience", 0),
    ],
)
def test_settings_out_of_range_are_named(setting: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"dynamics\.{setting}\W"):
        DynamicsSettings(**{setting: value})  # type: ignore[arg-type]
