"""Raw data of one kind from a task's behaviour policies, and the task's references
(protocol, section 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.types import BoolArray, FloatArray
from oer_pipeline.suites.behaviour import Behaviour, UniformPolicy, ZeroPolicy, play
from oer_pipeline.suites.diverged_returns import continuation, full_returns
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.rollout import episode_generators
from oer_pipeline.suites.scripted import Behaviours
from oer_pipeline.suites.suite import FAMILIES, Task
from oer_pipeline.trajectories.concatenate import concatenate, diverged_mask
from oer_pipeline.trajectories.metadata import DIVERGED
from oer_pipeline.trajectories.table import Trajectories

REFERENCES = ("random", "medium", "expert")
"""The kinds whose returns are references."""
KINDS = (*REFERENCES, "medium_replay")
ROUND = 25
"""Episodes rolled out together; as many rounds as it takes to have enough
transitions."""


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

    Args:
        task: what they act in.
        behaviours: the task's; None: there are none.
        kind: one of `KINDS`.
        transitions: rows.
        data_seed: of starts and noise.

    Raises:
        ConfigurationError: an unknown kind, one that the family does not have, or one
            that needs behaviours where there are none.
    """
    policies = _policies(task, behaviours, kind)
    metadata: dict[str, Any] = {
        "suite": task.suite,
        "task": task.index,
        "family": task.family,
        "parameters": dict(task.parameters),
        "kind": kind,
        "collector": "uniform actions",
        "data_seed": data_seed,
        "licence": "CC0-1.0",
    }
    if behaviours is not None and kind != "random":
        metadata["collector"] = dict(behaviours.record)
    for name in ("mujoco", "gymnasium", *FAMILIES[task.family].libraries):
        metadata[name] = version(name)
    share = math.ceil(transitions / len(policies))
    tables: list[Trajectories] = []
    for number, policy in enumerate(policies):
        purpose = f"collect {kind}"
        if len(policies) > 1:
            purpose = f"collect {kind} {number}"
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
    rows = 0
    physics = task.physics()
    while rows < transitions:
        first = ROUND * len(rounds)
        episodes = play(task, policy, ROUND, purpose, data_seed, first)
        table = table_from_episodes(
            episodes, metadata, task.horizon, physics.bounds, physics.has_success
        )
        rounds.append(table)
        rows += len(table)
    return concatenate(rounds)


def _in_random_order(
    table: Trajectories,
    generator: np.random.Generator,
) -> Trajectories:
    starts = table.starts
    ends = starts + table.lengths
    rows = []
    for episode in generator.permutation(len(starts)):
        rows.append(np.arange(starts[episode], ends[episode]))
    return concatenate([table.select(np.concatenate(rows))])


def references(
    task: Task,
    raw: Mapping[str, Trajectories],
    data_seed: int,
    episodes: int,
) -> dict[str, dict[str, float]]:
    """Behaviour -> {episodes, mean, sd} of its returns, and `success`, the share of
    episodes that solved the task, where the family says so.

    Doing nothing (`zero`) is rolled out, the others are in the raw data. Diverged
    episodes count as in evaluation (`suites.diverged_returns`).

    Args:
        task: the task.
        raw: kind -> its table; `random` alone where the task has no trained behaviours.
        data_seed: of the starts.
        episodes: of doing nothing.
    """
    statistics = {}
    for kind in REFERENCES:
        if kind in raw:
            table = raw[kind]
            returns = rolled_out_returns(task, table)
            statistics[kind] = _statistics(returns, table.solved)
    zero = play(task, ZeroPolicy(), episodes, "collect zero", data_seed)
    returns = full_returns(task, zero)
    says_success = any("success" in entry for entry in statistics.values())
    solved = zero.success if says_success else None
    statistics["zero"] = _statistics(returns, solved)
    return statistics


def _statistics(returns: FloatArray, solved: BoolArray | None) -> dict[str, float]:
    """Of the returns (E,) of episodes, and which of the rolled-out ones solved their
    task; None where the family does not say."""
    statistics = {
        "episodes": len(returns),
        "mean": float(returns.mean()),
        "sd": float(returns.std(ddof=1)),
    }
    if solved is not None:
        statistics["success"] = int(solved.sum()) / len(returns)
    return statistics


def rolled_out_returns(task: Task, table: Trajectories) -> FloatArray:
    """Returns (E,) float64 of the episodes that `table_from_episodes` made a table of.

    Diverged episodes are continued to the horizon. Those that diverged in their first
    step have no row; their returns come last. An episode that the environment itself
    cut short counts as it is.
    """
    returns = table.returns
    diverged = diverged_mask(table)
    with_rows = int(np.count_nonzero(diverged))
    without_rows = table.metadata.get(DIVERGED, 0) - with_rows
    if not diverged.any() and without_rows <= 0:
        return returns
    least = np.minimum.reduceat(table.rewards, table.starts)
    length = table.lengths[diverged]
    returns[diverged] += continuation(task, length, least[diverged])
    no_steps = np.zeros(max(0, without_rows), dtype=np.int64)
    no_rewards = no_steps.astype(np.float64)
    continued = continuation(task, no_steps, no_rewards)
    return np.concatenate((returns, continued))


def _policies(
    task: Task,
    behaviours: Behaviours | None,
    kind: str,
) -> list[Behaviour]:
    """The policies that collect a kind of data."""
    known = kinds_of(task.family)
    if kind not in known:
        raise ConfigurationError(
            f"{task.suite}: unknown raw kind {kind!r}; {choices(known, kind)}"
        )
    if kind == "random":
        return [UniformPolicy()]
    if behaviours is None:
        raise ConfigurationError(
            f"raw kind {kind} needs trained behaviours; only random needs none"
        )
    if kind == "medium_replay":
        return list(behaviours.replay)
    if kind == "medium":
        return [behaviours.policies["medium"]]
    return [behaviours.expert]
