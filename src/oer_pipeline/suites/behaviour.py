"""Behaviour policies: the small networks that collected the data, as plain numpy.

A behaviour file (safetensors) holds one task's policies at stages of training:
`replay_1`, `replay_2`, ... on the way to `medium`, and `final`. Shapes: B episodes, O
observation, A action, T steps.

Policies compute in float64 and actions are rounded before they are applied, so that
data have the same bytes on every processor: kernels round float32 products in another
way on each, and a simulation multiplies the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from safetensors import SafetensorError, safe_open

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.common.json_text import parse_json
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.rollout import (
    AT_ONCE,
    Episodes,
    episode_generators,
    in_blocks,
    in_parts,
    rollout,
)
from oer_pipeline.suites.suite import FAMILIES, Task

Weights: TypeAlias = Mapping[str, FloatArray]

GRID = 2.0**20
"""Actions are multiples of 1 / GRID.

That is far coarser than float64's rounding, far finer than noise, and exact in float32.
"""


class Behaviour(Protocol):
    """A policy to collect with: (observations (B, O), noise (B, A + D) standard normal)
    -> actions (B, A), unclipped.

    The first A are drawn anew at every step, the last D, `episode_draws`, once an
    episode.
    """

    episode_draws: ClassVar[int] = 0

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray: ...


def in_float64(weights: Weights) -> dict[str, FloatArray]:
    """The weights as float64."""
    wide: dict[str, FloatArray] = {}
    for name, weight in weights.items():
        wide[name] = weight.astype(np.float64)
    return wide


def on_grid(action: FloatArray) -> FloatArray:
    """Each action, any shape, as the nearest multiple of 1 / `GRID`."""
    multiples = np.rint(action * GRID)
    return np.asarray(multiples / GRID)


def forward(
    weights: Weights,
    inputs: FloatArray,
    activation: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """What the network `0.weight`, `0.bias`, `1.weight`, ... makes of inputs (B, O):
    `activation` between layers, none after the last."""
    layers = sum(name.endswith("weight") for name in weights)
    units = inputs
    for layer in range(layers):
        weight = weights[f"{layer}.weight"]
        bias = weights[f"{layer}.bias"]
        units = units @ weight + bias
        if layer < layers - 1:
            units = activation(units)
    return units


def relu(units: FloatArray) -> FloatArray:
    """max(units, 0), any shape."""
    return np.asarray(np.maximum(units, 0.0))


@dataclass(frozen=True)
class GaussianPolicy:
    """PPO's diagonal Gaussian: standardised observation -> tanh layers -> mean; noise
    scaled by exp(log_std)."""

    episode_draws: ClassVar[int] = 0
    weights: Weights
    deterministic: bool = False

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        weights = in_float64(self.weights)
        deviation = np.sqrt(weights["variance"] + 1e-8)
        standardised = (observation - weights["mean"]) / deviation
        inputs = np.clip(standardised, -10.0, 10.0)
        mean = forward(weights, inputs, np.tanh)
        if self.deterministic:
            return mean
        spread = np.exp(weights["log_std"]) * noise
        return np.asarray(mean + spread)


@dataclass(frozen=True)
class SquashedPolicy:
    """SAC's squashed Gaussian: ReLU layers -> (mean, log standard deviation); tanh of
    the sample."""

    episode_draws: ClassVar[int] = 0
    weights: Weights
    deterministic: bool = False

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        inputs = observation.astype(np.float64)
        both = forward(in_float64(self.weights), inputs, relu)
        mean, log_std = np.split(both, 2, axis=-1)
        spread: FloatArray | float = 0.0
        if not self.deterministic:
            deviation = np.exp(np.clip(log_std, -20.0, 2.0))
            spread = deviation * noise
        return np.asarray(np.tanh(mean + spread))


TrainedPolicy: TypeAlias = GaussianPolicy | SquashedPolicy
POLICIES: dict[str, type[TrainedPolicy]] = {
    "PPO": GaussianPolicy,
    "SAC": SquashedPolicy,
}
"""The form of policy that each algorithm trains."""


@dataclass(frozen=True)
class UniformPolicy:
    """Actions uniform in [-1, 1]: the error function turns standard normal noise into
    uniform noise."""

    episode_draws: ClassVar[int] = 0

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        from scipy.special import ndtr

        uniform = ndtr(noise)  # between 0 and 1
        return np.asarray(2.0 * uniform - 1.0)


@dataclass(frozen=True)
class ZeroPolicy:
    """Doing nothing; its return is the reference that a standing robot would earn."""

    episode_draws: ClassVar[int] = 0

    def act(self, observation: FloatArray, noise: FloatArray) -> FloatArray:
        return np.zeros_like(noise)


@dataclass(frozen=True)
class Acting:
    """Adapts a behaviour to `rollout`: the noise of a whole episode is drawn beforehand
    from its own generator.

    Actions are on the grid, whatever the behaviour; `rollout` clips them, applies them
    and records them exactly.
    """

    behaviour: Behaviour
    noise: FloatArray  # (B, T, A + D)

    @classmethod
    def of(
        cls,
        behaviour: Behaviour,
        generators: Sequence[np.random.Generator],
        horizon: int,
        actions: int,
    ) -> Acting:
        """Draw the noise of B episodes.

        Args:
            behaviour: the policy.
            generators: B, one per episode.
            horizon: T.
            actions: A.
        """
        noise = []
        for generator in generators:
            of_steps = generator.standard_normal((horizon, actions))
            of_episode = generator.standard_normal(behaviour.episode_draws)
            repeated = np.tile(of_episode, (horizon, 1))
            both = np.concatenate((of_steps, repeated), axis=1)
            noise.append(both)
        return cls(behaviour, np.stack(noise))

    def __call__(self, observation: FloatArray, step: int) -> FloatArray:
        noise = self.noise[:, step]
        action = in_blocks(self.behaviour.act, observation, noise)
        return on_grid(action)


def play(
    task: Task,
    behaviour: Behaviour,
    episodes: int,
    purpose: str,
    seed: int = 0,
    first: int = 0,
) -> Episodes:
    """Roll a behaviour out, starts and noise drawn for (purpose, seed, task, number).

    Args:
        task: what it acts in.
        behaviour: the policy.
        episodes: how many.
        purpose: what they are for, such as `collect random`.
        seed: of the data.
        first: number of the first episode.
    """
    physics = task.physics()
    horizon = task.horizon
    parts = []
    for part in in_parts(range(first, first + episodes), AT_ONCE):
        number = len(part)
        generators = episode_generators(purpose, seed, task.index, number, part.start)
        act = Acting.of(behaviour, generators, horizon, physics.action_size)
        parts.append(rollout([physics] * number, generators, act, horizon))
    return Episodes.joined(parts)


def check_trained(task: Task, floor: float, final: float) -> None:
    """Refuse a policy that does not clearly leave the floor (25 % of |floor| above it;
    cheetah: half-way to 0; above a floor of 0).

    Raises:
        DataError: names the task, its final return and the return that it would take.
    """
    share = 0.5 if task.family == "cheetah_vel" else 0.25
    needed = floor + share * abs(floor)
    if final < needed or final <= floor:
        name = f"{task.suite} {task.name} ({task.key})"
        raise DataError(
            f"{name} is untrained: final return {final:.1f}, but leaving the floor of"
            f" {floor:.1f} takes {needed:.1f}; train it longer (steps of"
            f" {task.family} in conf/base/behaviours.yml)"
        )


@dataclass(frozen=True)
class BehaviourFile:
    """The trained policies of one task and how they came about (`record`: algorithm,
    steps, seed, returns)."""

    policies: Mapping[str, TrainedPolicy]
    record: Mapping[str, Any]

    @property
    def replay(self) -> list[TrainedPolicy]:
        """The policies that collected what training saw until medium, oldest first,
        medium last."""
        by_number = {}
        for name, policy in self.policies.items():
            if name.startswith("replay_"):
                number = int(name.removeprefix("replay_"))
                by_number[number] = policy
        oldest_first = [by_number[number] for number in sorted(by_number)]
        return [*oldest_first, self.policies["medium"]]

    @property
    def expert(self) -> TrainedPolicy:
        """The final policy, which takes its mean action."""
        return replace(self.policies["final"], deterministic=True)

    def tensors(self) -> dict[str, FloatArray]:
        """Every policy's weights, float32, named `stage/weight`."""
        tensors = {}
        for stage, policy in self.policies.items():
            for name, weight in policy.weights.items():
                tensor = np.ascontiguousarray(weight, np.float32)
                tensors[f"{stage}/{name}"] = tensor
        return tensors

    def check_task(self, task: Task) -> None:
        """See that the policies were trained on `task`.

        Raises:
            DataError: they were not.
        """
        check_same(task, self.record, "trained")

    @classmethod
    def load(cls, path: Path) -> BehaviourFile:
        """Read `path`.

        Raises:
            ConfigurationError: the file is missing.
            DataError: it is no behaviour file.
        """
        check_there(path)
        try:
            with safe_open(path, framework="numpy") as file:
                record = parse_json(file.metadata()["record"], f"{path}, its record")
                names = file.keys()
                tensors = {name: file.get_tensor(name) for name in names}
            policy = POLICIES[record["algorithm"]]
            record["task"]
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(
                f"{path}: not a behaviour file: {error!r};"
                " remove it, and `kedro behaviours SUITE` makes it anew"
            ) from error
        weights: dict[str, dict[str, FloatArray]] = {}
        for name, tensor in tensors.items():
            stage, _, weight = name.partition("/")
            of_stage = weights.setdefault(stage, {})
            of_stage[weight] = tensor
        for stage in ("medium", "final"):
            if stage not in weights:
                raise DataError(
                    f"{path}: it has no policy {stage!r}, but {sorted(weights)};"
                    " remove it, and `kedro behaviours SUITE` makes it anew"
                )
        policies = {}
        for stage in sorted(weights):
            policies[stage] = policy(weights[stage])
        return cls(policies, record)


def check_same(task: Task, record: Mapping[str, Any], made: str) -> None:
    """Raise a DataError unless the behaviours of `record` were `made` on the task."""
    here = dict(task.parameters)
    there = record["task"]
    if there != here:
        raise DataError(
            f"behaviours of {task.suite} {task.name}: {made} on {there}; the task is"
            f" {here}"
        )


def check_there(path: Path) -> None:
    """Raise a ConfigurationError unless there is a file."""
    if not path.is_file():
        raise ConfigurationError(
            f"no behaviour policies at {path}; `make behaviours SUITE=name` trains what"
            " is missing; quality=random needs none"
        )


def behaviour_name(family: str, key: str) -> Path:
    """A task's behaviour file, relative to the folder of all."""
    ending = "json" if FAMILIES[family].scripted else "safetensors"
    return Path(family) / f"{key}.{ending}"


def behaviour_path(
    family: str,
    key: str,
    folder: Path | None = None,
) -> Path:
    """Where a task's behaviour file lies: in the user's `folder` if it is there,
    otherwise among those of the package.

    Args:
        family: of the task.
        key: of the task: a hash of what makes its MDP.
        folder: the user's; None: there is none.
    """
    name = behaviour_name(family, key)
    if folder is not None:
        file = folder / name
        if file.is_file():
            return file
    package = Path(str(resources.files("oer_pipeline.suites")))
    return package / "behaviours" / name
