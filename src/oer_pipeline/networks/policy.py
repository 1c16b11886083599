"""Deterministic tanh policies: a shared trunk, one linear head per task (method, section 2).

Shapes: M members, B batch, D observation, H trunk features, A action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.networks.stacked import Parameters, init_linear, init_mlp, linear, mlp
from oer_pipeline.types import FloatArray

EPSILON = 1e-3


@dataclass(frozen=True)
class Standardiser:
    """(s - mean) / (std + 1e-3); the statistics belong to a head and are stored with it."""

    mean: FloatArray  # (D,)
    std: FloatArray  # (D,)

    @classmethod
    def of(cls, observation: FloatArray) -> Standardiser:
        """The statistics of observations (N, D), computed in float64."""
        wide = observation.astype(np.float64)
        return cls(wide.mean(axis=0).astype(np.float32), wide.std(axis=0).astype(np.float32))

    def __call__(self, observation: FloatArray) -> FloatArray:
        """Standardised observations (..., D), float32."""
        return ((observation - self.mean) / (self.std + EPSILON)).astype(np.float32)


def init_trunk(observation: int, hidden: Sequence[int], generators: Sequence[torch.Generator]) -> Parameters:
    """A fresh trunk, `trunk.{layer}.weight|bias`."""
    return {f"trunk.{name}": value for name, value in init_mlp((observation, *hidden), generators).items()}


def init_head(features: int, actions: int, head: int, generators: Sequence[torch.Generator]) -> Parameters:
    """A fresh head, `head.{head}.weight|bias`."""
    weight, bias = init_linear(features, actions, generators)
    return {f"head.{head}.weight": weight, f"head.{head}.bias": bias}


def trunk(parameters: Mapping[str, Tensor], observation_MBD: Tensor) -> Tensor:
    """Trunk features (M, B, H) of standardised observations."""
    layers = {name.removeprefix("trunk."): p for name, p in parameters.items() if name.startswith("trunk.")}
    return mlp(layers, observation_MBD, last_activation=True)


def head(parameters: Mapping[str, Tensor], task: int, features_MBH: Tensor) -> Tensor:
    """Actions (M, B, A) in (-1, 1) of task `task`'s head."""
    return torch.tanh(linear(parameters[f"head.{task}.weight"], parameters[f"head.{task}.bias"], features_MBH))


def act(parameters: Mapping[str, Tensor], task: int, observation_MBD: Tensor) -> Tensor:
    """Actions (M, B, A) for standardised observations; `task` counts from 1."""
    return head(parameters, task, trunk(parameters, observation_MBD))
