"""Train behaviour policies of a suite's tasks and keep the snapshots that data are
collected with.

Of scripted families, which train nothing, it finds the levels of `medium`
(`suites.script_levels`). `kedro behaviours` calls this.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as serialise

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.checks import MOST_EPISODES, whole
from oer_pipeline.common.errors import ConfigurationError, DataError, choices
from oer_pipeline.suites import ppo, sac, script_levels
from oer_pipeline.suites.behaviour import (
    Behaviour,
    BehaviourFile,
    TrainedPolicy,
    UniformPolicy,
    ZeroPolicy,
    check_trained,
    play,
)
from oer_pipeline.suites.diverged_returns import full_returns
from oer_pipeline.suites.ppo import PPOSettings
from oer_pipeline.suites.sac import SACSettings
from oer_pipeline.suites.suite import FAMILIES, Task

ALGORITHMS: dict[str, tuple[Any, type[PPOSettings] | type[SACSettings]]] = {
    "PPO": (ppo.train, PPOSettings),
    "SAC": (sac.train, SACSettings),
}
REPLAY_POLICIES = 5
"""Policies kept between the first and medium: with medium, the mixture that stands for
what training saw."""


@dataclass(frozen=True)
class Training:
    """How a family's behaviours are trained: the algorithm, its settings, episodes that
    a snapshot is scored on."""

    algorithm: str
    settings: PPOSettings | SACSettings
    episodes: int = 20

    @classmethod
    def from_config(cls, family: str, config: Mapping[str, Any]) -> Training:
        """Build from YAML; what is left out has its default.

        Args:
            family: of environments, for the error.
            config: `{algorithm, episodes, **settings}`.

        Raises:
            ConfigurationError: an unknown algorithm or setting, or a value that it
                does not take.
        """
        options = dict(config)
        algorithm = options.pop("algorithm", "PPO")
        episodes = options.pop("episodes", 20)
        if algorithm not in ALGORITHMS:
            raise ConfigurationError(
                f"behaviours of {family}: algorithm {algorithm!r};"
                f" {choices(ALGORITHMS)}"
            )
        settings = ALGORITHMS[algorithm][1]
        for name in options:
            if name not in settings.__dataclass_fields__:
                known = choices(settings.__dataclass_fields__, name)
                raise ConfigurationError(
                    f"behaviours of {family}: unknown setting {name!r} of {algorithm};"
                    f" {known}"
                )
        try:
            whole("episodes", episodes, 1, MOST_EPISODES)
            return cls(algorithm, settings(**options), episodes)
        except ConfigurationError as error:
            raise ConfigurationError(f"behaviours of {family}: {error}") from error


def train(task: Task, training: Training) -> BehaviourFile:
    """Train on `task`; keep `final`, `medium` and the snapshots on the way there.

    Medium is the first snapshot whose stochastic return reaches floor + (final - floor)
    / 2, where the floor is the better of the random and the zero-action return
    (protocol, section 2).

    Args:
        task: to be learned.
        training: how.

    Raises:
        DataError: the final policy does not clearly leave the floor, or no snapshot
            reaches medium.
    """
    train_by, _ = ALGORITHMS[training.algorithm]
    snapshots = train_by(task, training.settings)

    # Index 0: the same episodes wherever the task stands in a sequence.
    scored = replace(task, index=0)

    def score(behaviour: Behaviour) -> float:
        episodes = play(scored, behaviour, training.episodes, "snapshot")
        return float(full_returns(scored, episodes).mean())

    random = score(UniformPolicy())
    zero = score(ZeroPolicy())
    last = snapshots[-1][1]
    best = score(replace(last, deterministic=True))
    floor = max(random, zero)
    check_trained(task, floor, best)
    returns = [score(policy) for _, policy in snapshots]
    half_way = floor + (best - floor) / 2
    medium = _medium(returns, half_way, task)
    medium_steps, medium_policy = snapshots[medium]
    policies: dict[str, TrainedPolicy] = {"medium": medium_policy, "final": last}
    replay_steps = []
    for number, place in enumerate(_on_the_way(medium), start=1):
        steps, policy = snapshots[place]
        policies[f"replay_{number}"] = policy
        replay_steps.append(steps)
    curve = []
    for (steps, _), value in zip(snapshots, returns, strict=True):
        curve.append([steps, round(value, 2)])
    record = {
        "algorithm": training.algorithm,
        "task": dict(task.parameters),
        "horizon": task.horizon,
        "settings": vars(training.settings),
        "medium_steps": medium_steps,
        "replay_steps": replay_steps,
        "returns": {
            "random": random,
            "zero": zero,
            "medium": returns[medium],
            "final": best,
        },
        "curve": curve,
    }
    return BehaviourFile(policies, record)


def _medium(returns: Sequence[float], wanted: float, task: Task) -> int:
    """The place of the first snapshot that reaches what is wanted."""
    for place, value in enumerate(returns):
        if value >= wanted:
            return place
    best = f"the best is {max(returns):.1f} as it samples its actions"
    remedy = "train longer (steps), explore less (PPO: log_std) or keep more snapshots"
    raise DataError(
        f"{task.suite} {task.name}: no snapshot reaches medium, {wanted:.1f};"
        f" {best}; {remedy}: {task.family} in conf/base/behaviours.yml"
    )


def _on_the_way(medium: int) -> list[int]:
    """Places of the snapshots before medium that are kept, evenly spread from the
    first."""
    spread = np.linspace(0, medium, REPLAY_POLICIES + 1)
    places = np.unique(spread.astype(int)[:-1])
    return [int(place) for place in places[places < medium]]


def save(behaviours: BehaviourFile, path: Path) -> None:
    """Write a behaviour file; it appears whole or not at all."""
    metadata = {"record": json.dumps(behaviours.record, sort_keys=True)}
    write_atomic(path, serialise(behaviours.tensors(), metadata))


def make(task: Task, training: Training, path: Path) -> str:
    """Train on `task`, or find a script's level, and write the behaviour file; returns
    what came of it, in a line.

    Args:
        task: whose behaviours are wanted.
        training: how; not used for scripted families.
        path: of the behaviour file.

    Raises:
        DataError: as `train`.
    """
    started = time.monotonic()
    if FAMILIES[task.family].scripted:
        record = script_levels.level(task)
        script_levels.save(record, path)
    else:
        behaviours = train(task, training)
        save(behaviours, path)
        record = dict(behaviours.record)
    returns = []
    for name, value in record["returns"].items():
        returns.append(f"{name} {value:.1f}")
    done = f"{', '.join(returns)}; {time.monotonic() - started:.0f} s"
    return f"{task.suite} {task.name} ({task.key}): {done}"
