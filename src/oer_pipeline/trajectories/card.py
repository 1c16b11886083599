"""The data card: what a transition table holds, as plain JSON (protocol, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.trajectories.concatenate import diverged_mask
from oer_pipeline.trajectories.metadata import HORIZON
from oer_pipeline.trajectories.schema import TRANSITIONS, Array
from oer_pipeline.trajectories.table import Trajectories

BINS = 20
MADE_WITH = ("mujoco", "gymnasium", "metaworld")
"""Metadata that say which libraries made the data."""

References = Mapping[str, Mapping[str, float]]
"""One task's references: behaviour (`random`, `zero`, `medium`, `expert`) -> {episodes,
mean, sd} of its returns.

Also `success`, the share of episodes that solved the task, where the suite says so.
"""


def data_card(
    trajectories: Trajectories,
    references: References | None = None,
) -> dict[str, Any]:
    """What a table holds and where it comes from, the same keys for collected and
    imported data.

    Sizes are rows, episodes, dimensions and bytes; `mended` is what an import changed
    (empty for other data); `coverage` is per dimension, `at_bounds` the share of rows
    whose action touches a bound. Only where they say something:
    `unknown_next_observations`, terminal rows whose file does not tell the state after
    them; `timeouts_before_horizon`, episodes that something else than the horizon cut
    short; `success_rate`, the share of episodes that solved their task;
    `normalised_return`, which takes a random and an expert reference; `plausibility`,
    how imported data fit the task's environment (`suites.plausibility`). Data without
    rewards have neither `returns` nor anything else that is made of them.

    Args:
        trajectories: the table.
        references: the task's, where they are known.

    Raises:
        DataError: the random and the expert reference are equal.
    """
    metadata = trajectories.metadata
    low, high = trajectories.bounds
    action = trajectories.action
    at_bounds = ((action <= low) | (action >= high)).any(axis=1)
    lengths = trajectories.lengths
    card: dict[str, Any] = {
        "provenance": dict(metadata),
        "versions": {name: metadata[name] for name in MADE_WITH if name in metadata},
        "mended": dict(metadata.get("mended", {})),
        "schema_version": TRANSITIONS.version,
        "sha256": trajectories.content_hash(),
        "transitions": len(trajectories),
        "episodes": len(lengths),
        "observation_size": trajectories.observation.shape[1],
        "action_size": action.shape[1],
        "action_bounds": {"low": low.tolist(), "high": high.tolist()},
        "bytes": sum(array.nbytes for array in trajectories.arrays().values()),
        "episode_lengths": _distribution(lengths),
        "terminal_episodes": int(np.count_nonzero(trajectories.terminal)),
        "timeout_episodes": int(np.count_nonzero(trajectories.timeout)),
        "terminal_at_horizon": trajectories.terminal_at_horizon,
        "coverage": _coverage(trajectories),
        "at_bounds": float(at_bounds.mean()),
    }
    if trajectories.reward is not None:
        card["returns"] = _distribution(trajectories.returns)
    if "plausibility" in metadata:
        card["plausibility"] = dict(metadata["plausibility"])
    if trajectories.next_known is not None:
        unknown = np.count_nonzero(~trajectories.next_known)
        card["unknown_next_observations"] = int(unknown)
    if trajectories.solved is not None:
        card["success_rate"] = float(trajectories.solved.mean())
    early = _timeouts_before_horizon(trajectories)
    if early:
        card["timeouts_before_horizon"] = early
    if references:
        card["references"] = {name: dict(entry) for name, entry in references.items()}
        both = "random" in references and "expert" in references
        if both and trajectories.reward is not None:
            mean = float(trajectories.returns.mean())
            card["normalised_return"] = normalised(mean, references)
    return card


def _coverage(trajectories: Trajectories) -> dict[str, Any]:
    coverage = {
        "observation": _summary(trajectories.observation),
        "action": _summary(trajectories.action),
    }
    if trajectories.reward is not None:
        coverage["reward"] = _summary(trajectories.reward)
    return coverage


def _timeouts_before_horizon(trajectories: Trajectories) -> int:
    """Episodes that timed out before the horizon in the metadata, without those that
    diverged.

    An import that had to take next observations from the next row has lost the last row
    of each such episode.
    """
    horizon = trajectories.metadata.get(HORIZON)
    if horizon is None:
        return 0
    mended = trajectories.metadata.get("mended", {})
    longest = horizon - 1 if mended.get("rows_dropped") else horizon
    last = trajectories.starts + trajectories.lengths - 1
    early = trajectories.timeout[last] & (trajectories.step[last] < longest - 1)
    return int(np.count_nonzero(early & ~diverged_mask(trajectories)))


def normalised(value: float, references: References) -> float:
    """100 (R - random) / (expert - random) (method, section 8).

    Args:
        value: R, a return.
        references: `random` and `expert`, each with its `mean`.

    Raises:
        DataError: a reference is missing, or the two are equal.
    """
    try:
        random = references["random"]["mean"]
        expert = references["expert"]["mean"]
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


def _distribution(values: Array) -> dict[str, Any]:
    """The summary of (N,) values, and their histogram."""
    return {**_summary(values), "histogram": _histogram(values)}


def _histogram(values: Array) -> dict[str, list[float]]:
    low = float(values.min())
    high = float(values.max())
    narrowest = 2 * BINS * np.spacing(max(abs(low), abs(high)))
    if high - low <= narrowest:  # too near for bins between them
        low -= 0.5
        high += 0.5
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    return {"counts": counts.tolist(), "edges": edges.tolist()}
