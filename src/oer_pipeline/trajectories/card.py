"""The data card: what a transition table holds, as plain JSON (protocol, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.concatenate import broken_off
from oer_pipeline.trajectories.schema import TRANSITIONS, Array
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.trajectories.validate import terminal_at_horizon

BINS = 20
VERSIONS = ("mujoco", "gymnasium", "metaworld")
"""Metadata that say what the data were made with."""

References = Mapping[str, Mapping[str, float]]
"""One task's references: behaviour (`random`, `zero`, `medium`, `expert`) -> {episodes,
mean, sd} of its returns.

Also `success`, the share of episodes that solved the task, where the suite says so.
"""


def data_card(
    trajectories: Trajectories, references: References | None = None
) -> dict[str, Any]:
    """What a table holds and where it comes from, the same keys for collected and
    imported data.

    Sizes are rows, episodes, dimensions and bytes; `mended` is what an import changed
    (empty for other data); `coverage` is per dimension, `at_bounds` the share of rows
    whose action touches a bound. `unknown_next_observations`, there only where some
    are, counts terminal rows whose file does not say what followed, and
    `timeouts_before_horizon` episodes that something else than the horizon cut short;
    `success_rate`, the share of episodes that solved their task, only where the suite
    says so; `normalised_return` only where a random and an expert reference are.
    `plausibility` is how imported data fit the task's environment
    (`exchange.plausibility`). Data without rewards have neither `returns` nor anything
    else that is made of them.

    Raises:
        DataError: the random and the expert reference are equal.
    """
    metadata = trajectories.metadata
    low, high = trajectories.bounds
    action = trajectories.action
    card: dict[str, Any] = {
        "provenance": dict(metadata),
        "versions": {name: metadata[name] for name in VERSIONS if name in metadata},
        "mended": dict(metadata.get("mended", {})),
        "schema_version": TRANSITIONS.version,
        "sha256": trajectories.content_hash(),
        "transitions": len(trajectories),
        "episodes": len(trajectories.lengths),
        "observation_size": trajectories.observation.shape[1],
        "action_size": action.shape[1],
        "action_bounds": {"low": low.tolist(), "high": high.tolist()},
        "bytes": sum(array.nbytes for array in trajectories.arrays().values()),
        **_returns(trajectories),
        "episode_lengths": {
            **_summary(trajectories.lengths),
            "histogram": _histogram(trajectories.lengths),
        },
        "terminal_episodes": int(np.count_nonzero(trajectories.terminal)),
        "timeout_episodes": int(np.count_nonzero(trajectories.timeout)),
        "terminal_at_horizon": terminal_at_horizon(trajectories),
        "coverage": _coverage(trajectories),
        "at_bounds": float(((action <= low) | (action >= high)).any(axis=1).mean()),
    }
    if "plausibility" in metadata:
        card["plausibility"] = dict(metadata["plausibility"])
    if trajectories.next_known is not None:
        card["unknown_next_observations"] = int(
            np.count_nonzero(~trajectories.next_known)
        )
    if trajectories.solved is not None:
        card["success_rate"] = float(trajectories.solved.mean())
    if early := _timeouts_before_horizon(trajectories):
        card["timeouts_before_horizon"] = early
    if references:
        card["references"] = {name: dict(entry) for name, entry in references.items()}
    if (
        references
        and {"random", "expert"} <= set(references)
        and trajectories.reward is not None
    ):
        mean = float(trajectories.returns.mean())
        card["normalised_return"] = normalised(mean, references)
    return card


def _returns(trajectories: Trajectories) -> dict[str, Any]:
    """The card's entry on returns; none without rewards."""
    if trajectories.reward is None:
        return {}
    returns = trajectories.returns
    return {"returns": {**_summary(returns), "histogram": _histogram(returns)}}


def _coverage(trajectories: Trajectories) -> dict[str, Any]:
    columns = trajectories.arrays()
    names = ("observation", "action", "reward")
    return {name: _summary(columns[name]) for name in names if name in columns}


def _timeouts_before_horizon(trajectories: Trajectories) -> int:
    """Episodes that timed out before the horizon in the metadata, those left out that
    the physics broke off."""
    horizon = trajectories.metadata.get("horizon")
    if horizon is None:
        return 0
    last = trajectories.starts + trajectories.lengths - 1
    early = trajectories.timeout[last] & (trajectories.step[last] < horizon - 1)
    return int(np.count_nonzero(early & ~broken_off(trajectories)))


def normalised(value: float, references: References) -> float:
    """100 (R - random) / (expert - random) (method, section 8).

    Raises:
        DataError: a reference is missing, or the two are equal.
    """
    try:
        random, expert = references["random"]["mean"], references["expert"]["mean"]
    except KeyError as error:
        raise DataError(
            f"references have no {error}; they need random and expert, each with its"
            " mean"
        ) from error
    if random == expert:
        raise DataError(
            f"references: random and expert return are both {random}; returns cannot be"
            " normalised"
        )
    return 100.0 * (value - random) / (expert - random)


def _summary(values: Array) -> dict[str, Any]:
    """min, mean, max and std over rows: numbers for (N,), lists over dimensions for (N,
    D)."""
    return {
        "min": values.min(axis=0).tolist(),
        "mean": values.mean(axis=0, dtype=np.float64).tolist(),
        "max": values.max(axis=0).tolist(),
        "std": values.std(axis=0, dtype=np.float64).tolist(),
    }


def _histogram(values: Array) -> dict[str, list[float]]:
    low, high = float(values.min()), float(values.max())
    if high - low <= 2 * BINS * np.spacing(
        max(abs(low), abs(high))
    ):  # too near for bins between them
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    return {"counts": counts.tolist(), "edges": edges.tolist()}
