"""Behaviour policies: the small tanh networks that collected the data, as plain numpy.

A behaviour file (safetensors) holds one task's policies at several stages of training, `medium` and `final`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import safe_open

from oer_pipeline.errors import ConfigurationError, DataError
from oer_pipeline.suites.rollout import Episodes, episode_generators, rollout
from oer_pipeline.suites.suite import Task
from oer_pipeline.types import FloatArray

STAGES = ("medium", "final")


class Behaviour(Protocol):
    """A policy to collect with: (observations (B, O), noise source per episode) -> actions (B, A), before clipping."""

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray: ...


@dataclass(frozen=True)
class GaussianPolicy:
    """PPO's diagonal Gaussian: standardised observation -> tanh layers -> mean; noise scaled by exp(log_std)."""

    weights: Mapping[str, FloatArray]
    deterministic: bool = False

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        w = self.weights
        hidden = np.clip((observation - w["mean"]) / np.sqrt(w["variance"] + 1e-8), -10.0, 10.0)
        layers = sum(name.endswith("weight") for name in w)
        for layer in range(layers - 1):
            hidden = np.tanh(hidden @ w[f"{layer}.weight"] + w[f"{layer}.bias"])
        mean = hidden @ w[f"{layers - 1}.weight"] + w[f"{layers - 1}.bias"]
        return np.asarray(mean if self.deterministic else mean + np.exp(w["log_std"]) * noise)


@dataclass(frozen=True)
class UniformPolicy:
    """Actions uniform in [-1, 1]: the error function turns standard normal noise into uniform noise."""

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        from scipy.special import ndtr

        return np.asarray(2.0 * ndtr(noise) - 1.0)


@dataclass(frozen=True)
class ZeroPolicy:
    """Doing nothing; its return is the reference that a standing robot would earn."""

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        return np.zeros_like(noise)


@dataclass(frozen=True)
class Acting:
    """Adapts a behaviour to `rollout`: the noise of a whole episode is drawn beforehand from its own generator."""

    behaviour: Behaviour
    noise: FloatArray  # (B, T, A)

    @classmethod
    def of(cls, behaviour: Behaviour, generators: Sequence[np.random.Generator], horizon: int, actions: int) -> Acting:
        return cls(behaviour, np.stack([g.standard_normal((horizon, actions)) for g in generators]))

    def __call__(self, observation: FloatArray, step: int) -> FloatArray:
        return self.behaviour.act(observation, self.noise[:, step])


def play(task: Task, behaviour: Behaviour, episodes: int, purpose: str, seed: int = 0, first: int = 0) -> Episodes:
    """Roll `behaviour` out for `episodes` episodes, starts and noise drawn for (purpose, seed, task, number)."""
    generators = episode_generators(purpose, seed, task.index, episodes, first)
    physics = task.physics()
    act = Acting.of(behaviour, generators, task.horizon, physics.action_size)
    return rollout([physics] * episodes, generators, act, task.horizon)


def check_trained(task: Task, floor: float, final: float) -> None:
    """Refuse a policy that does not clearly leave the floor (25 % of |floor| above it; cheetah: half-way to 0)."""
    needed = floor + (0.5 if task.family == "cheetah_vel" else 0.25) * abs(floor)
    if final < needed:
        raise DataError(
            f"{task.suite} {task.name} is untrained: final return {final:.1f}, but leaving the floor of {floor:.1f} "
            f"takes {needed:.1f}; train it longer"
        )


@dataclass(frozen=True)
class BehaviourFile:
    """The trained policies of one task and how they came about (`record`: algorithm, steps, seed, returns)."""

    policies: Mapping[str, GaussianPolicy]
    record: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> BehaviourFile:
        """Read `path`.

        Raises:
            ConfigurationError: the file is missing.
        """
        if not path.is_file():
            raise ConfigurationError(f"no behaviour policy at {path}; `make behaviours` trains one")
        with safe_open(path, framework="numpy") as file:
            record = json.loads(file.metadata()["record"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        stages = {s: {n.removeprefix(f"{s}/"): v for n, v in tensors.items() if n.startswith(f"{s}/")} for s in STAGES}
        return cls({stage: GaussianPolicy(weights) for stage, weights in stages.items()}, record)


def committed(suite: str, task: str) -> Path:
    """Where the behaviour policies that come with the package lie."""
    return Path(str(resources.files("oer_pipeline.suites"))) / "behaviours" / suite / f"{task}.safetensors"
