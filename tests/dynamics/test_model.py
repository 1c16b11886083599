"""The model's arithmetic: raw units, sampling, uncertainty, constant dimensions,
saving."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.dynamics import model as module
from oer_pipeline.dynamics.fit import fit_transition_model
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.networks.stacked import take_members
from oer_pipeline.trajectories.table import Trajectories


@pytest.fixture(scope="module")
def model(system: Trajectories, small: DynamicsSettings) -> TransitionModel:
    return fit_transition_model(system, replace(small, max_epochs=3))[0]


@pytest.fixture(scope="module")
def inputs(system: Trajectories) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(system.observation[:40]), torch.from_numpy(
        system.action[:40]
    )


def test_a_constant_dimension_is_copied_and_ignored(
    model: TransitionModel, inputs: tuple[Tensor, Tensor]
) -> None:
    observation, action = inputs
    moved = observation.clone()
    moved[:, 2] = 5.0
    noise, members = torch.ones_like(moved), torch.zeros(40, dtype=torch.long)
    sampled = model.sample_next(moved, action, members, noise)
    assert sampled[:, 2].equal(moved[:, 2])
    assert model.predict(moved, action)[1][..., 2].max() == 0
    assert sampled[:, :2].equal(
        model.sample_next(observation, action, members, noise)[:, :2]
    )


def test_a_reward_that_never_changes_is_predicted_as_it_is(
    system: Trajectories, small: DynamicsSettings
) -> None:
    unrewarded = replace(system, reward=np.full_like(system.reward, -0.25))
    model, _ = fit_transition_model(unrewarded, replace(small, max_epochs=1))
    mean, std = model.predict(
        torch.from_numpy(system.observation), torch.from_numpy(system.action)
    )
    assert mean[..., -1].unique().tolist() == [-0.25]
    assert std[..., -1].max() == 0


def test_a_dimension_that_is_constant_in_s_is_copied_even_where_it_jumps_in_next_s(
    system: Trajectories, small: DynamicsSettings
) -> None:
    jumped = system.next_observation.copy()
    jumped[-1, 2] += 1.0
    model, _ = fit_transition_model(
        replace(system, next_observation=jumped), replace(small, max_epochs=1)
    )
    mean, std = model.predict(
        torch.from_numpy(system.observation), torch.from_numpy(system.action)
    )
    assert mean[..., 2].abs().max() == std[..., 2].max() == 0


def test_a_sample_comes_from_its_member(
    model: TransitionModel, inputs: tuple[Tensor, Tensor]
) -> None:
    members = torch.arange(40) % 3
    noise = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    mean, std = model.predict(*inputs)
    sampled = model.sample_next(*inputs, members, noise)
    for b, member in enumerate(members.tolist()):
        expected = inputs[0][b] + mean[member, b, :3] + std[member, b, :3] * noise[b]
        torch.testing.assert_close(sampled[b], expected)
    torch.testing.assert_close(
        model.mean_next(*inputs), inputs[0] + mean.mean(0)[:, :3]
    )


def test_uncertainty_is_the_variance_of_standardised_means(
    model: TransitionModel, inputs: tuple[Tensor, Tensor], system: Trajectories
) -> None:
    mean = model.predict(*inputs)[0].numpy()
    change = np.concatenate(
        (system.next_observation - system.observation, system.reward[:, None]), axis=1
    )
    scale = change.std(0)[[0, 1, 3]]
    expected = (mean[..., [0, 1, 3]] / scale).var(axis=0).sum(-1)
    np.testing.assert_allclose(model.uncertainty(*inputs).numpy(), expected, rtol=1e-4)


def test_the_other_heuristics_are_what_they_say(
    model: TransitionModel, inputs: tuple[Tensor, Tensor]
) -> None:
    scale = model.outputs.std[model.outputs.varying]
    mean, std = (
        part[..., model.outputs.varying] / scale for part in model.predict(*inputs)
    )
    widest = std.square().sum(-1).sqrt().max(dim=0).values
    torch.testing.assert_close(model.uncertainty(*inputs, "max_std"), widest)
    second_moment = (std.square() + mean.square()).mean(0)
    variance = (second_moment - mean.mean(0).square()).sum(-1)
    torch.testing.assert_close(
        model.uncertainty(*inputs, "mixture"), variance, rtol=1e-3, atol=1e-5
    )
    with pytest.raises(
        ConfigurationError, match="uncertainty is 'mixtures'; did you mean mixture"
    ):
        model.uncertainty(*inputs, "mixtures")


def test_chunks_change_nothing(
    model: TransitionModel,
    inputs: tuple[Tensor, Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def everything() -> list[Tensor]:
        return [
            *model.predict(*inputs),
            *model.standardised(*inputs),
            model.uncertainty(*inputs),
        ]

    whole = everything()
    monkeypatch.setattr(module, "CHUNK", 7)
    for a, b in zip(whole, everything(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_member_predicts_the_same_alone(
    model: TransitionModel, inputs: tuple[Tensor, Tensor]
) -> None:
    mean, std = model.predict(*inputs)
    for member in range(model.members):
        alone = replace(
            model, parameters=take_members(model.parameters, [member])
        ).predict(*inputs)
        assert alone[0][0].equal(mean[member])
        assert alone[1][0].equal(std[member])


def test_saved_and_loaded_it_predicts_the_same_bits(
    model: TransitionModel, inputs: tuple[Tensor, Tensor]
) -> None:
    again = TransitionModel.from_tensors(
        load(save(model.tensors())), json.loads(json.dumps(model.header()))
    )
    assert again.header() == model.header()
    for a, b in zip(model.predict(*inputs), again.predict(*inputs), strict=True):
        assert a.equal(b)


def test_elites_survive_saving(
    system: Trajectories, small: DynamicsSettings, inputs: tuple[Tensor, Tensor]
) -> None:
    elite, _ = fit_transition_model(system, replace(small, max_epochs=1, elites=2))
    again = TransitionModel.from_tensors(
        load(save(elite.tensors())), json.loads(json.dumps(elite.header()))
    )
    assert again.members == len(again.predict(*inputs)[0]) == 2
    assert again.uncertainty(*inputs).equal(elite.uncertainty(*inputs))


def test_what_is_no_such_model_is_refused(model: TransitionModel) -> None:
    tensors, header = model.tensors(), model.header()
    with pytest.raises(
        DataError, match=r"format 'other', not 'oer_pipeline.transition_model/1'"
    ):
        TransitionModel.from_tensors(tensors, {**header, "format": "other"})
    for name, meant in (
        ("outputs.std", r"\(4,\)"),
        ("parameters.mlp.1.bias", r"\(3, 1, 48\)"),
    ):
        with pytest.raises(
            DataError, match=rf"tensor {name} has shape none; its header means {meant}"
        ):
            TransitionModel.from_tensors(
                {n: t for n, t in tensors.items() if n != name}, header
            )
    with pytest.raises(
        DataError,
        match=r"tensor extra has shape \(1,\); its header means no such tensor",
    ):
        TransitionModel.from_tensors({**tensors, "extra": torch.zeros(1)}, header)
    for size in ("members", "hidden", "observation_size", "action_size"):
        for wrong in (None, "3", -1, 10**9, [10**9]):
            with pytest.raises(DataError, match=f"in its header, {size}"):
                TransitionModel.from_tensors(tensors, {**header, size: wrong})
    with pytest.raises(DataError, match=r"has shape \(3, .* means \(4, "):
        TransitionModel.from_tensors(tensors, {**header, "members": 4})


def test_inputs_of_other_sizes_are_refused(model: TransitionModel) -> None:
    with pytest.raises(DataError, match=r"\(B, 3\) and \(B, 1\)"):
        model.predict(torch.zeros(2, 3), torch.zeros(2, 2))
    with pytest.raises(DataError, match=r"\(B, 3\) and \(B, 1\)"):
        model.uncertainty(torch.zeros(2, 3), torch.zeros(1, 1))
