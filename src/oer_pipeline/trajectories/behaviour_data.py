"""Raw data of one kind from a task's behaviour policies, and the task's references (protocol, Data)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version

from oer_pipeline.errors import ConfigurationError, choices
from oer_pipeline.suites.behaviour import Behaviour, BehaviourFile, UniformPolicy, ZeroPolicy, play
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.collect import concatenate, from_episodes
from oer_pipeline.trajectories.table import Trajectories

KINDS = ("random", "medium", "expert")
ROUND = 25
"""Episodes rolled out together; more rounds follow until there are transitions enough."""


def collect(task: Task, behaviours: BehaviourFile, kind: str, transitions: int, data_seed: int) -> Trajectories:
    """At least `transitions` rows of whole episodes of `kind`: random and medium sample, expert takes the mean action.

    Raises:
        ConfigurationError: an unknown kind.
    """
    behaviour = _behaviour(behaviours, kind)
    metadata = {
        "suite": task.suite,
        "task": task.index,
        "family": task.family,
        "parameters": dict(task.parameters),
        "kind": kind,
        "collector": "uniform actions" if kind == "random" else dict(behaviours.record),
        "data_seed": data_seed,
        "mujoco": version("mujoco"),
        "gymnasium": version("gymnasium"),
        "licence": "CC0-1.0",
    }
    rounds: list[Trajectories] = []
    while sum(map(len, rounds)) < transitions:
        episodes = play(task, behaviour, ROUND, f"collect {kind}", data_seed, first=ROUND * len(rounds))
        rounds.append(from_episodes(episodes, metadata, task.horizon))
    return concatenate(rounds)


def references(
    task: Task, raw: Mapping[str, Trajectories], data_seed: int, episodes: int
) -> dict[str, dict[str, float]]:
    """Behaviour -> {episodes, mean, sd} of its returns; zero action is rolled out, the rest is in the raw data."""
    zero = play(task, ZeroPolicy(), episodes, "collect zero", data_seed).returns
    returns = {**{kind: raw[kind].returns for kind in KINDS}, "zero": zero}
    return {k: {"episodes": len(r), "mean": float(r.mean()), "sd": float(r.std(ddof=1))} for k, r in returns.items()}


def _behaviour(behaviours: BehaviourFile, kind: str) -> Behaviour:
    if kind not in KINDS:
        raise ConfigurationError(f"unknown raw kind {kind!r}; {choices(KINDS, kind)}")
    if kind == "random":
        return UniformPolicy()
    if kind == "medium":
        return behaviours.policies["medium"]
    return replace(behaviours.policies["final"], deterministic=True)
