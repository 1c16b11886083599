"""Train behaviour policies of a suite's tasks and keep the snapshots that data are
collected with.

Of scripted families, which train nothing, it finds the levels of `medium`
(`suites.script_levels`). `kedro behaviours` calls this.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as serialise

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
from oer_pipeline.suites.broken_off import full_returns
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
    """How a family's behaviours are trained: the algorithm, its settings, episodes a
    snapshot is scored on."""

    algorithm: str
    settings: PPOSettings | SACSettings
    episodes: int = 20

    @classmethod
    def from_config(cls, family: str, config: Mapping[str, Any]) -> Training:
        """Build from `{algorithm, episodes, **settings}`; what is left out has its
        default.

        Raises:
            ConfigurationError: an unknown algorithm or setting.
        """
        given = dict(config)
        algorithm, episodes = given.pop("algorithm", "PPO"), given.pop("episodes", 20)
        if algorithm not in ALGORITHMS:
            raise ConfigurationError(
                f"behaviours of {family}: algorithm {algorithm!r};"
                f" {choices(ALGORITHMS)}"
            )
        settings = ALGORITHMS[algorithm][1]
        for name in given:
            if name not in settings.__dataclass_fields__:
                known = choices(settings.__dataclass_fields__, name)
                raise ConfigurationError(
                    f"behaviours of {family}: unknown setting {name!r} of {algorithm};"
                    f" {known}"
                )
        return cls(algorithm, settings(**given), episodes)


def train(task: Task, training: Training) -> BehaviourFile:
    """Train on `task`; keep `final`, `medium` and the snapshots on the way there.

    Medium is the first snapshot whose stochastic return reaches floor + (final - floor)
    / 2, where the floor is the better of the random and the zero-action return
    (protocol, section 2).

    Raises:
        DataError: the final policy does not clearly leave the floor, or no snapshot
            reaches medium.
    """
    started = time.monotonic()
    snapshots = ALGORITHMS[training.algorithm][0](task, training.settings)

    def score(behaviour: Behaviour) -> float:
        # Episodes of its own, the same wherever the task stands in a sequence.
        own = replace(task, index=0)
        episodes = play(own, behaviour, training.episodes, "snapshot")
        return float(full_returns(own, episodes).mean())

    random, zero = score(UniformPolicy()), score(ZeroPolicy())
    final = BehaviourFile({"final": snapshots[-1][1]}, {}).expert
    floor, best = max(random, zero), score(final)
    check_trained(task, floor, best)
    curve = [(steps, score(policy)) for steps, policy in snapshots]
    number = _medium([value for _, value in curve], floor + (best - floor) / 2, task)
    policies: dict[str, TrainedPolicy] = {
        "medium": snapshots[number][1],
        "final": snapshots[-1][1],
    }
    on_the_way = np.unique(np.linspace(0, number, REPLAY_POLICIES + 1).astype(int)[:-1])
    policies |= {
        f"replay_{i}": snapshots[n][1]
        for i, n in enumerate(on_the_way, 1)
        if n < number
    }
    record = {
        "algorithm": training.algorithm,
        "task": dict(task.parameters),
        "horizon": task.horizon,
        "settings": vars(training.settings),
        "medium_steps": curve[number][0],
        "replay_steps": [curve[n][0] for n in on_the_way if n < number],
        "returns": {
            "random": random,
            "zero": zero,
            "medium": curve[number][1],
            "final": best,
        },
        "curve": [[steps, round(value, 2)] for steps, value in curve],
        "seconds": round(time.monotonic() - started),
    }
    return BehaviourFile(policies, record)


def _medium(scores: Sequence[float], wanted: float, task: Task) -> int:
    reached = [number for number, value in enumerate(scores) if value >= wanted]
    if not reached:
        best = f"the best is {max(scores):.1f} as it samples its actions"
        remedy = (
            "train longer (steps), explore less (PPO: log_std) or keep more snapshots"
        )
        raise DataError(
            f"{task.suite} {task.name}: no snapshot reaches medium, {wanted:.1f};"
            f" {best}; {remedy}: {task.family} in conf/base/behaviours.yml"
        )
    return reached[0]


def save(behaviours: BehaviourFile, path: Path) -> None:
    """Write a behaviour file; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(
        serialise(
            behaviours.tensors(),
            {"record": json.dumps(behaviours.record, sort_keys=True)},
        )
    )
    half.replace(path)


def make(task: Task, training: Training, path: Path) -> str:
    """Train on `task`, or find a script's level, and write the behaviour file; returns
    what came of it, in a line.

    Raises:
        DataError: as `train`.
    """
    if FAMILIES[task.family].scripted:
        record = script_levels.level(task)
        script_levels.save(record, path)
    else:
        behaviours = train(task, training)
        save(behaviours, path)
        record = dict(behaviours.record)
    earned = []
    for name, value in record["returns"].items():
        earned.append(f"{name} {value:.1f}")
    returns = ", ".join(earned)
    return f"{task.suite} {task.name} ({task.key}): {returns}; {record['seconds']} s"
