"""What training one task leaves behind: the deployed policy with all its heads, the
task policy and the critics.

Shapes: M members, B batch, D observation, A action.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.checks import is_whole
from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.actor_critic import twin_values
from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import SHARED, Standardiser
from oer_pipeline.networks.stacked import (
    Parameters,
    depth,
    detached,
    mlp,
    stack_members,
    take_members,
)

PAIRED = {"weight": "bias", "bias": "weight"}
"""Every layer has both."""
TRUNK = r"(?:deployed|task)/trunk(?:_\d+)?\."
LAYER = re.compile(rf"(critic/|{TRUNK})(\d+)\.(weight|bias)")
"""Layers that are numbered from 0."""
HEAD = re.compile(r"((?:deployed|task)/head\.)(\w+)\.(weight|bias)")


@dataclass(frozen=True)
class Policies:
    """M members' networks after learning tasks 1..n; `standardisers[j - 1]` belongs to
    head j."""

    deployed: Parameters
    task: Parameters | None  # None when the learner has a single policy
    critic: Parameters  # 2 M networks, a member's twins side by side
    standardisers: tuple[Standardiser, ...]
    # what the learner keeps for later tasks, (M, ...) each
    kept: Parameters = field(default_factory=dict)

    @property
    def tasks(self) -> int:
        """How many tasks have been learned, and so the number of the newest head."""
        return len(self.standardisers)

    @property
    def members(self) -> int:
        return len(next(iter(self.deployed.values())))

    def deployed_action(self, task: int, observation_MBD: FloatArray) -> FloatArray:
        """Actions (M, B, A) of the deployed policy's head `task` for raw
        observations."""
        return self._act(self.deployed, task, observation_MBD)

    def task_action(self, observation_MBD: FloatArray) -> FloatArray:
        """Actions (M, B, A) of pi_n, the policy that learned the newest task, for raw
        observations."""
        return self._act(self._newest, self.tasks, observation_MBD)

    def act_as_learned(self, observation_BD: FloatArray) -> FloatArray:
        """Actions (B, A) of a lone member's pi_n: what a selector asks."""
        return np.asarray(self.task_action(observation_BD[None])[0])

    def values_as_learned(
        self, observation_BD: FloatArray, action_BA: FloatArray
    ) -> FloatArray:
        """A lone member's Q(s, a) (B,) of the newest task, the mean of its twins.

        Args:
            observation_BD: as recorded.
            action_BA: within the data's bounds.
        """
        entering = torch.cat(self._tensors(observation_BD, action_BA), dim=-1)
        values_MTB = twin_values(self.critic, entering)
        return np.asarray(values_MTB[0].mean(dim=0).numpy())

    def policy_features(self, observation_BD: FloatArray) -> FloatArray:
        """Features (B, H) of a lone member's pi_n before its head."""
        [standardised] = self._tensors(observation_BD)
        with torch.inference_mode():
            features = policy.trunk(self._newest, self.tasks, standardised)
            return np.asarray(features[0].numpy())

    def critic_features(self, observation_BD: FloatArray) -> FloatArray:
        """Features (B, H) of a lone member's first critic at (s, pi_n(s)), before its
        last layer."""
        action_BA = self.act_as_learned(observation_BD)
        entering = torch.cat(self._tensors(observation_BD, action_BA), dim=-1)
        last = f"{depth(self.critic) - 1}."
        first: Parameters = {}
        for name, tensor in self.critic.items():
            if not name.startswith(last):
                first[name] = tensor[:1]
        with torch.inference_mode():
            features = mlp(first, entering, last_activation=True)
            return np.asarray(features[0].numpy())

    @property
    def _newest(self) -> Parameters:
        """The parameters of pi_n."""
        return self.deployed if self.task is None else self.task

    def _tensors(
        self, observation_BD: FloatArray, *others: FloatArray
    ) -> tuple[Tensor, ...]:
        """The observations, standardised for the newest task, and other arrays, each
        with a member axis (1, B, .)."""
        standardise = self.standardisers[-1]
        tensors = [torch.from_numpy(standardise(observation_BD[None]))]
        for other in others:
            wide = np.asarray(other, np.float32)
            tensors.append(torch.from_numpy(wide)[None])
        return tuple(tensors)

    def _act(
        self,
        parameters: Parameters,
        task: int,
        observation_MBD: FloatArray,
    ) -> FloatArray:
        standardise = self.standardisers[task - 1]
        standardised = torch.from_numpy(standardise(observation_MBD))
        with torch.inference_mode():
            return np.asarray(policy.act(parameters, task, standardised).numpy())

    def member(self, index: int) -> Policies:
        """One member, alone."""
        twins = [2 * index, 2 * index + 1]
        task = None if self.task is None else take_members(self.task, [index])
        return replace(
            self,
            deployed=take_members(self.deployed, [index]),
            task=task,
            critic=take_members(self.critic, twins),
            kept=take_members(self.kept, [index]),
        )

    @classmethod
    def stack(cls, members: Sequence[Policies]) -> Policies:
        """Members side by side; they share the standardisers (the data are the same for
        all seeds)."""
        tasks = [member.task for member in members if member.task is not None]
        return cls(
            deployed=stack_members([member.deployed for member in members]),
            task=stack_members(tasks) if tasks else None,
            critic=stack_members([member.critic for member in members]),
            standardisers=members[0].standardisers,
            kept=stack_members([member.kept for member in members]),
        )

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, for a safetensors file."""
        groups = {
            "deployed": self.deployed,
            "task": self.task or {},
            "critic": self.critic,
            "kept": self.kept,
        }
        named: dict[str, Tensor] = {}
        for group, parameters in groups.items():
            for name, tensor in detached(parameters).items():
                named[f"{group}/{name}"] = tensor.cpu()
        for head, standardiser in enumerate(self.standardisers, start=1):
            named[f"observation/{head}.mean"] = torch.from_numpy(standardiser.mean)
            named[f"observation/{head}.std"] = torch.from_numpy(standardiser.std)
        return named

    def header(self) -> dict[str, Any]:
        """What the tensors do not say."""
        return {"tasks": self.tasks}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
    ) -> Policies:
        """The inverse of `tensors` and `header`.

        Raises:
            DataError: they are no policies, or lack a tensor.
        """
        _check_whole(tensors, header)
        standardisers = []
        for head in range(1, header["tasks"] + 1):
            mean = tensors[f"observation/{head}.mean"].numpy()
            std = tensors[f"observation/{head}.std"].numpy()
            standardisers.append(Standardiser(mean, std))
        return cls(
            deployed=_group("deployed", tensors),
            task=_group("task", tensors) or None,
            critic=_group("critic", tensors),
            standardisers=tuple(standardisers),
            kept=_group("kept", tensors),
        )


def _check_whole(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Refuse tensors that lack what every policy has.

    Raises:
        DataError: names the first that is missing.
    """
    tasks = header.get("tasks")
    if not is_whole(tasks) or not 1 <= tasks <= len(tensors):
        raise DataError(
            f"no policies: tasks is {tasks!r} in the header of {len(tensors)} tensors"
        )
    needed = {"critic/0.weight"}
    has_shared_head = f"deployed/head.{SHARED}.weight" in tensors
    has_identities = any(name.startswith("deployed/identity.") for name in tensors)
    for task in range(1, tasks + 1):
        needed |= {f"observation/{task}.mean", f"observation/{task}.std"}
        if not has_shared_head:
            needed.add(f"deployed/head.{task}.weight")
        if has_identities:
            needed.add(f"deployed/identity.{task}")
    for name in tensors:
        needed |= _beside(name)
    for name in sorted(needed):
        if name not in tensors:
            raise DataError(f"no whole policies: tensor {name} is missing")
    if not any(name.startswith("deployed/") for name in tensors):
        raise DataError("no whole policies: there is no tensor of the deployed one")


def _beside(name: str) -> set[str]:
    """What a layer's weight or bias is never without: the other of both, and the layer
    before."""
    found = LAYER.fullmatch(name) or HEAD.fullmatch(name)
    if found is None:
        return set()
    group, number, part = found.groups()
    needed = {f"{group}{number}.{PAIRED[part]}"}
    if found.re is LAYER and int(number) > 0:
        needed.add(f"{group}{int(number) - 1}.{part}")
    return needed


def _group(name: str, tensors: Mapping[str, Tensor]) -> Parameters:
    """The tensors of one group, without its name."""
    prefix = f"{name}/"
    group: Parameters = {}
    for key, tensor in tensors.items():
        if key.startswith(prefix):
            group[key.removeprefix(prefix)] = tensor
    return group
