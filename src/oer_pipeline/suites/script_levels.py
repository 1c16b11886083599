"""How far beside its targets a script has to aim for half of its episodes to succeed:
the level of `medium`.

`make behaviours SUITE=continual_world_10` looks for it for every task that has no file
yet.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import DataError
from oer_pipeline.suites.behaviour import Behaviour, UniformPolicy, ZeroPolicy, play
from oer_pipeline.suites.diverged_returns import full_returns
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
    # Index 0: the same episodes wherever the task stands in a sequence.
    task = replace(task, index=0)
    script = str(task.parameters["env_name"])
    bias, curve = _search(task, script)
    policies: dict[str, Behaviour] = {
        "random": UniformPolicy(),
        "zero": ZeroPolicy(),
        "medium": ScriptedPolicy(script, bias),
        "final": ScriptedPolicy(script),
    }
    returns = {}
    success = {}
    for name, policy in policies.items():
        episodes = play(task, policy, SCORED, "script")
        returns[name] = float(full_returns(task, episodes).mean())
        success[name] = float(episodes.success.mean())
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
    }


def _search(task: Task, script: str) -> tuple[float, list[list[float]]]:
    """By halving: the bias (m) nearest to what is wanted, and every one tried with its
    success."""

    def success(bias: float) -> float:
        episodes = play(task, ScriptedPolicy(script, bias), EPISODES, "level")
        return float(episodes.success.mean())

    low = 0.0
    high = WORST
    at_worst = success(high)
    if at_worst > WANTED:
        raise DataError(
            f"{task.suite} {task.name}: aiming {WORST} m aside, {at_worst:.0%} of the"
            " episodes succeed"
        )
    curve = [[low, success(low)], [high, at_worst]]
    for _ in range(HALVINGS):
        if _off(_nearest(curve)) <= NEAR:
            break
        middle = round((low + high) / 2, 5)
        share = success(middle)
        curve.append([middle, share])
        if share > WANTED:
            low = middle
        else:
            high = middle
    bias, _ = _nearest(curve)
    return bias, sorted(curve)


def _nearest(curve: list[list[float]]) -> list[float]:
    """The [bias, success] whose success is nearest to what is wanted."""
    return min(curve, key=_off)


def _off(tried: list[float]) -> float:
    """How far the success of a [bias, success] is from what is wanted."""
    return abs(tried[1] - WANTED)


def save(record: dict[str, Any], path: Path) -> None:
    """Write a file of scripts; it appears whole or not at all."""
    write_atomic(path, json.dumps(record, indent=1, sort_keys=True) + "\n")
