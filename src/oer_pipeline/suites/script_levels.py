"""How far beside its targets a script has to aim for half of its episodes to succeed:
the level of `medium`.

`make behaviours SUITE=continual_world_10` finds it for every task that has no file yet.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.common.errors import DataError
from oer_pipeline.suites.behaviour import Behaviour, UniformPolicy, ZeroPolicy, play
from oer_pipeline.suites.broken_off import full_returns
from oer_pipeline.suites.scripted import NOISE, ScriptedPolicy
from oer_pipeline.suites.suite import FAMILIES, Task

WANTED = 0.5
"""Share of episodes that succeed."""
NEAR = 0.04
"""As near as the search goes."""
WORST = 0.4
"""The largest bias that is tried, in m: the hand reaches no further beside any
target."""
HALVINGS = 10
EPISODES = 50
"""Of one try, the same starts and noise for all."""
SCORED = 100
"""Episodes that a behaviour's return and success are recorded of."""


def level(task: Task) -> dict[str, Any]:
    """The record of a task's scripts: the bias of `medium`, and what every behaviour
    earns.

    Raises:
        DataError: no bias makes the script fail in as many episodes.
    """
    started = time.monotonic()
    own = replace(
        task, index=0
    )  # episodes of its own, the same wherever the task stands
    script = str(task.parameters["env_name"])
    bias, curve = _search(own, script)
    policies: dict[str, Behaviour] = {
        "random": UniformPolicy(),
        "zero": ZeroPolicy(),
        "medium": ScriptedPolicy(script, bias),
        "final": ScriptedPolicy(script),
    }
    played = {
        name: play(own, policy, SCORED, "script") for name, policy in policies.items()
    }
    returns = {
        name: float(full_returns(own, episodes).mean())
        for name, episodes in played.items()
    }
    success = {
        name: float(episodes.success.mean()) for name, episodes in played.items()
    }
    libraries = ("mujoco", *FAMILIES[task.family].libraries)
    return {
        "script": script,
        "task": dict(task.parameters),
        "horizon": task.horizon,
        "noise": NOISE,
        "bias": bias,
        "curve": curve,
        "returns": returns,
        "success": success,
        "versions": {name: version(name) for name in libraries},
        "seconds": round(time.monotonic() - started),
    }


def _search(task: Task, script: str) -> tuple[float, list[list[float]]]:
    """By halving: the bias (m) nearest to what is wanted, and every one tried with its
    success."""

    def success(bias: float) -> float:
        return float(
            play(task, ScriptedPolicy(script, bias), EPISODES, "level").success.mean()
        )

    low, high = 0.0, WORST
    curve = [[bias, success(bias)] for bias in (low, high)]
    if curve[1][1] > WANTED:
        raise DataError(
            f"{task.suite} {task.name}: aiming {WORST} m aside, {curve[1][1]:.0%} of"
            " the episodes succeed"
        )
    for _ in range(HALVINGS):
        if min(abs(found - WANTED) for _, found in curve) <= NEAR:
            break
        middle = round((low + high) / 2, 5)
        curve.append([middle, success(middle)])
        low, high = (middle, high) if curve[-1][1] > WANTED else (low, middle)
    return min(curve, key=lambda tried: abs(tried[1] - WANTED))[0], sorted(curve)


def save(record: dict[str, Any], path: Path) -> None:
    """Write a file of scripts; it appears whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
