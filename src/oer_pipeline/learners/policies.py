"""What training one task leaves behind: the deployed policy with all its heads, the
task policy and the critics.

Shapes: M members, B batch, D observation, A action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.td3bc import twin_values
from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import Standardiser
from oer_pipeline.networks.stacked import (
    Parameters,
    depth,
    detached,
    mlp,
    stack_members,
    take_members,
)


@dataclass(frozen=True)
class Policies:
    """M members' networks after learning tasks 1..n; `standardisers[j - 1]` belongs to
    head j."""

    deployed: Parameters
    task: Parameters | None  # None when the learner has a single policy
    critic: Parameters  # 2 M networks, a member's twins side by side
    standardisers: tuple[Standardiser, ...]
    kept: Parameters = field(
        default_factory=dict
    )  # what the learner keeps for later tasks, (M, ...) each

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
        return self._act(
            self.deployed if self.task is None else self.task,
            self.tasks,
            observation_MBD,
        )

    def act_as_learned(self, observation_BD: FloatArray) -> FloatArray:
        """Actions (B, A) of a lone member's pi_n: what a selector asks."""
        return np.asarray(self.task_action(observation_BD[None])[0])

    def values_as_learned(
        self, observation_BD: FloatArray, action_BA: FloatArray
    ) -> FloatArray:
        """A lone member's Q(s, a) (B,) of the newest task, the mean of its twins."""
        values_MTB = twin_values(
            self.critic, torch.cat(self._tensors(observation_BD, action_BA), dim=-1)
        )
        return np.asarray(values_MTB[0].mean(dim=0).numpy())

    def policy_features(self, observation_BD: FloatArray) -> FloatArray:
        """Features (B, H) of a lone member's pi_n before its head."""
        [standardised] = self._tensors(observation_BD)
        parameters = self.deployed if self.task is None else self.task
        with torch.inference_mode():
            return np.asarray(
                policy.trunk(parameters, self.tasks, standardised)[0].numpy()
            )

    def critic_features(self, observation_BD: FloatArray) -> FloatArray:
        """Features (B, H) of a lone member's first critic at (s, pi_n(s)), before its
        last layer."""
        inputs = torch.cat(
            self._tensors(observation_BD, self.act_as_learned(observation_BD)), dim=-1
        )
        last = f"{depth(self.critic) - 1}."
        first = {
            name: tensor[:1]
            for name, tensor in self.critic.items()
            if not name.startswith(last)
        }
        with torch.inference_mode():
            return np.asarray(mlp(first, inputs, last_activation=True)[0].numpy())

    def _tensors(
        self, observation_BD: FloatArray, *others: FloatArray
    ) -> tuple[Tensor, ...]:
        """The observations, standardised for the newest task, and other arrays, each
        with a member axis (1, B, .)."""
        standardised = torch.from_numpy(self.standardisers[-1](observation_BD[None]))
        return standardised, *(
            torch.from_numpy(np.asarray(other, np.float32))[None] for other in others
        )

    def _act(
        self, parameters: Parameters, task: int, observation_MBD: FloatArray
    ) -> FloatArray:
        standardised = torch.from_numpy(self.standardisers[task - 1](observation_MBD))
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
        tasks = [m.task for m in members if m.task is not None]
        return cls(
            stack_members([m.deployed for m in members]),
            stack_members(tasks) if tasks else None,
            stack_members([m.critic for m in members]),
            members[0].standardisers,
            stack_members([m.kept for m in members]),
        )

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, for a safetensors file."""
        groups = {
            "deployed": self.deployed,
            "task": self.task or {},
            "critic": self.critic,
            "kept": self.kept,
        }
        named = {
            f"{group}/{name}": t.cpu()
            for group, ps in groups.items()
            for name, t in detached(ps).items()
        }
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
        """The inverse of `tensors` and `header`."""

        def group(name: str) -> Parameters:
            return {
                key.removeprefix(f"{name}/"): t
                for key, t in tensors.items()
                if key.startswith(f"{name}/")
            }

        observation = group("observation")
        standardisers = tuple(
            Standardiser(
                observation[f"{head}.mean"].numpy(), observation[f"{head}.std"].numpy()
            )
            for head in range(1, int(header["tasks"]) + 1)
        )
        return cls(
            group("deployed"),
            group("task") or None,
            group("critic"),
            standardisers,
            group("kept"),
        )
