"""Policies on their way through files, and members apart and together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from oer_pipeline.common.errors import DataError
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.ewc import EWC
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner

Same = Callable[[Policies, Policies], bool]


@pytest.mark.parametrize("kind", [Finetune, DualBehaviourCloning, EWC])
def test_policies_survive_a_file(
    tasks: Any, same: Same, kind: type[Learner], tmp_path: Path
) -> None:
    policies = tasks.learner(kind, 2).result()
    save_file(policies.tensors(), tmp_path / "policies.safetensors")
    header = json.loads(json.dumps(policies.header()))
    again = Policies.from_tensors(load_file(tmp_path / "policies.safetensors"), header)
    assert same(policies, again)
    assert (again.task is None) == (kind is not DualBehaviourCloning)
    assert bool(again.kept) == (kind is EWC)
    assert (again.tasks, again.members) == (2, 3)
    observation = (
        np.random.default_rng(0).standard_normal((3, 10, 5)).astype(np.float32)
    )
    np.testing.assert_array_equal(
        again.task_action(observation), policies.task_action(observation)
    )


@pytest.mark.parametrize("kind", [Finetune, DualBehaviourCloning])
def test_no_tensor_may_be_missing(tasks: Any, kind: type[Learner]) -> None:
    """Each was a traceback once, at the first use."""
    policies = tasks.learner(kind, 2).result()
    header = policies.header()
    tensors = policies.tensors()
    for missing in tensors:
        left = {name: tensor for name, tensor in tensors.items() if name != missing}
        with pytest.raises(DataError, match=f"tensor {re.escape(missing)} is missing"):
            Policies.from_tensors(left, header)
    for layer in ("critic/1", "deployed/trunk.0"):
        left = {n: t for n, t in tensors.items() if not n.startswith(f"{layer}.")}
        with pytest.raises(DataError, match=rf"{layer}.(weight|bias) is missing"):
            Policies.from_tensors(left, header)
    for told in ({}, {"tasks": "2"}, {"tasks": 10**9}, {"tasks": 0}):
        with pytest.raises(DataError, match="no policies: tasks is"):
            Policies.from_tensors(tensors, told)


@pytest.mark.parametrize("kind", [Finetune, DualBehaviourCloning, EWC])
def test_members_come_apart_and_together_again(
    tasks: Any, same: Same, kind: type[Learner]
) -> None:
    policies = tasks.learner(kind, 2).result()
    apart = [policies.member(m) for m in range(3)]
    assert [p.members for p in apart] == [1, 1, 1]
    assert [len(p.critic["0.weight"]) for p in apart] == [2, 2, 2]
    assert same(Policies.stack(apart), policies)
    swapped = Policies.stack([apart[1], apart[0]])
    assert same(swapped.member(0), apart[1])


def test_a_result_is_settled_while_training_goes_on(tasks: Any) -> None:
    training = tasks.learner(DualBehaviourCloning)
    result = training.result()
    kept = {name: tensor.clone() for name, tensor in result.tensors().items()}
    training.block(10)
    assert all(tensor.equal(kept[name]) for name, tensor in result.tensors().items())
    assert not any(tensor.requires_grad for tensor in result.tensors().values())


def test_the_task_policy_acts_as_learned_and_the_continual_one_is_deployed(
    tasks: Any,
) -> None:
    dual, single = (
        tasks.learner(DualBehaviourCloning, 2).result(),
        tasks.learner(Finetune, 2).result(),
    )
    observation = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    assert not np.allclose(
        dual.task_action(observation), dual.deployed_action(2, observation)
    )
    np.testing.assert_array_equal(
        single.task_action(observation), single.deployed_action(2, observation)
    )


def test_what_a_selector_asks_of_the_policies_agrees_with_their_networks(
    tasks: Any,
) -> None:
    policies = tasks.learner(DualBehaviourCloning, 2).result().member(1)
    rng = np.random.default_rng(0)
    observation = rng.standard_normal((10, 5)).astype(np.float32)
    act = policies.act_as_learned(observation)
    features = policies.policy_features(observation)
    assert policies.task is not None
    weight, bias = (
        policies.task[f"head.2.{name}"][0].numpy() for name in ("weight", "bias")
    )
    np.testing.assert_allclose(np.tanh(features @ weight + bias), act, atol=1e-5)
    hidden = policies.critic_features(observation)
    last = len(policies.critic) // 2 - 1
    weight, bias = (
        policies.critic[f"{last}.{name}"][0].numpy() for name in ("weight", "bias")
    )
    first = (hidden @ weight + bias).squeeze(-1)
    values = policies.values_as_learned(observation, act)
    assert values.shape == (10,)
    lone = replace(
        policies, critic={name: t[[0, 0]] for name, t in policies.critic.items()}
    )
    np.testing.assert_allclose(
        lone.values_as_learned(observation, act), first, rtol=1e-4
    )
    assert not np.allclose(values, first)


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_no_head_and_no_one_hot_input_may_be_missing(tasks: Any, heads: str) -> None:
    """Both tensors of a head at once, which nothing beside them tells."""
    settings = replace(tasks.settings, heads=heads)
    policies = tasks.learner(Finetune, 2, settings=settings).result()
    tensors = policies.tensors()
    names = {"multi": ["head.1", "head.2"], "single": ["head.shared", "identity.2"]}
    for name in names[heads]:
        whole = f"deployed/{name}"
        left = {n: t for n, t in tensors.items() if not n.startswith(whole)}
        with pytest.raises(DataError, match=r"tensor deployed/.* is missing"):
            Policies.from_tensors(left, policies.header())
