"""Raw data of one kind from a task's behaviour policies, and the task's references
(protocol, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.behaviour import Behaviour, UniformPolicy, ZeroPolicy, play
from oer_pipeline.suites.broken_off import continuation, full_returns
from oer_pipeline.suites.collect import from_episodes
from oer_pipeline.suites.rollout import Episodes, episode_generators
from oer_pipeline.suites.scripted import Behaviours
from oer_pipeline.suites.suite import FAMILIES, Task
from oer_pipeline.trajectories.concatenate import broken_off, concatenate
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import DIVERGED

REFERENCES = ("random", "medium", "expert")
"""The kinds whose returns are references."""
KINDS = (*REFERENCES, "medium_replay")
ROUND = 25
"""Episodes rolled out together; more rounds follow until there are transitions
enough."""


def kinds_of(family: str) -> tuple[str, ...]:
    """The raw kinds that a family's behaviours collect; scripts were not trained, so
    there is no `medium_replay`."""
    return REFERENCES if FAMILIES[family].scripted else KINDS


def collect(
    task: Task,
    behaviours: Behaviours | None,
    kind: str,
    transitions: int,
    data_seed: int,
) -> Trajectories:
    """At least `transitions` rows of whole episodes of `kind`: all kinds sample, but
    expert takes the mean action.

    `medium_replay` stands for what training saw until medium: equal shares of the
    policies kept on the way, episodes in random order. (What an on-policy algorithm
    sees are roll-outs of its successive policies.) `random` needs no behaviours.

    Raises:
        ConfigurationError: an unknown kind, one that the family does not have, or one
            that needs behaviours where there are none.
    """
    policies, collector = _policies(task, behaviours, kind)
    metadata = {
        "suite": task.suite,
        "task": task.index,
        "family": task.family,
        "parameters": dict(task.parameters),
        "kind": kind,
        "collector": collector,
        "data_seed": data_seed,
        **{
            name: version(name)
            for name in ("mujoco", "gymnasium", *FAMILIES[task.family].libraries)
        },
        "licence": "CC0-1.0",
    }
    share = -(-transitions // len(policies))
    tables: list[Trajectories] = []
    for number, policy in enumerate(policies):
        purpose = (
            f"collect {kind}" if len(policies) == 1 else f"collect {kind} {number}"
        )
        tables.append(_rounds(task, policy, purpose, share, data_seed, metadata))
    if len(tables) == 1:
        return tables[0]
    [generator] = episode_generators(f"order {kind}", data_seed, task.index, 1)
    return _in_random_order(concatenate(tables), generator)


def _rounds(
    task: Task,
    policy: Behaviour,
    purpose: str,
    transitions: int,
    data_seed: int,
    metadata: Mapping[str, Any],
) -> Trajectories:
    """Rounds of episodes until there are `transitions` rows."""
    rounds: list[Trajectories] = []
    physics = task.physics()
    while sum(map(len, rounds)) < transitions:
        episodes = play(
            task, policy, ROUND, purpose, data_seed, first=ROUND * len(rounds)
        )
        rounds.append(
            from_episodes(
                episodes, metadata, task.horizon, physics.bounds, physics.has_success
            )
        )
    return concatenate(rounds)


def _in_random_order(
    table: Trajectories, generator: np.random.Generator
) -> Trajectories:
    starts, lengths = table.starts, table.lengths
    order = generator.permutation(len(starts))
    rows = np.concatenate([np.arange(starts[e], starts[e] + lengths[e]) for e in order])
    return concatenate([table.select(rows)])


def references(
    task: Task, raw: Mapping[str, Trajectories], data_seed: int, episodes: int
) -> dict[str, dict[str, float]]:
    """Behaviour -> {episodes, mean, sd} of its returns; zero action is rolled out, the
    rest is in the raw data,

    random alone where the task has no trained behaviours.

    Where episodes say so, `success` is the share of them that solved the task.

    Episodes that the physics broke off count as evaluation counts them
    (suites.broken_off).
    """
    zero = play(task, ZeroPolicy(), episodes, "collect zero", data_seed)
    returns = {
        kind: rolled_out_returns(task, raw[kind]) for kind in REFERENCES if kind in raw
    }
    returns["zero"] = full_returns(task, zero)
    found = {
        k: {"episodes": len(r), "mean": float(r.mean()), "sd": float(r.std(ddof=1))}
        for k, r in returns.items()
    }
    for kind, solved in _solved(raw, zero).items():
        found[kind]["success"] = solved / len(returns[kind])
    return found


def _solved(raw: Mapping[str, Trajectories], zero: Episodes) -> dict[str, int]:
    """How many episodes of each kind and of doing nothing solved the task; nothing
    where the family does not say."""
    told = {kind: raw[kind].solved for kind in REFERENCES if kind in raw}
    solved = {
        kind: int(episodes.sum())
        for kind, episodes in told.items()
        if episodes is not None
    }
    return {**solved, "zero": int(zero.success.sum())} if solved else {}


def rolled_out_returns(task: Task, table: Trajectories) -> FloatArray:
    """Returns (E,) float64 of the episodes that `from_episodes` made a table of.

    Those that the physics broke off are continued to the horizon, and those that broke
    off in their first step, which have no row, follow at the end. An episode that the
    environment itself cut short counts as it is.
    """
    returns, broken = table.returns, broken_off(table)
    at_once = table.metadata.get(DIVERGED, 0) - int(np.count_nonzero(broken))
    if not broken.any() and at_once <= 0:
        return returns
    least = np.minimum.reduceat(table.rewards, table.starts)
    returns[broken] += continuation(task, table.lengths[broken], least[broken])
    nothing = np.zeros(max(0, at_once), dtype=np.int64)
    whole = continuation(task, nothing, nothing.astype(np.float64))
    return np.concatenate((returns, whole))


def _policies(
    task: Task, behaviours: Behaviours | None, kind: str
) -> tuple[list[Behaviour], Any]:
    """Who acts, and what the data say of them."""
    known = kinds_of(task.family)
    if kind not in known:
        raise ConfigurationError(
            f"{task.suite}: unknown raw kind {kind!r}; {choices(known, kind)}"
        )
    if kind == "random":
        return [UniformPolicy()], "uniform actions"
    if behaviours is None:
        raise ConfigurationError(
            f"raw kind {kind} needs trained behaviours; only random needs none"
        )
    record = dict(behaviours.record)
    if kind == "medium_replay":
        return list(behaviours.replay), record
    return [
        behaviours.policies["medium"] if kind == "medium" else behaviours.expert
    ], record
