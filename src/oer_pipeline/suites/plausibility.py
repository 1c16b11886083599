"""Do imported data fit the environment that the task names? Sample rows are set into it
and stepped.

Shapes: N rows, S sampled rows, O observation, D dimensions that tell the state.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.suites.physics import Bounds, Physics
from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)

SAMPLED = 256
"""Rows that are stepped, a fixed draw."""
THRESHOLD = 1e-3
"""The error beyond which a file is said not to fit: right files have less than 1e-5,
wrong ones more than 0.03."""
REWARD_THRESHOLD = 0.2
"""The same for rewards: right files have less than 0.1, those of other tasks more than
0.5."""
DIGITS = 2
"""Significant digits of what is recorded: simulations differ in their last bits between
machines."""


def plausibility(table: Trajectories, physics: Physics) -> dict[str, Any]:
    """How far the environment's steps lead from where the file says that they led.

    `rows` sampled rows are set into the environment, stepped by their actions and
    compared with their next observations over the dimensions that tell the state:
    `error` is the mean absolute difference, each dimension's in its mean absolute
    change of a step (0: the same; 1: as far off as if nothing had moved).
    `reward_error` is the mean absolute difference of the rewards in their own standard
    deviation, there only where the data have rewards that vary. Where that cannot be
    done, `skipped` says why.
    """
    dimensions = list(physics.state_dimensions)
    if not dimensions:
        return {"skipped": "observations of this environment do not tell its state"}
    rows = _sample(table)
    stepped, earned, kept = _stepped(table.select(rows).scaled(), physics)
    rows = rows[kept]
    if not rows.size:
        return {
            "skipped": (
                "no sampled observation tells its state: velocities stand where they"
                " are clipped"
            )
        }
    following = table.next_observation[rows][:, dimensions].astype(np.float64)
    moved = np.abs(following - table.observation[rows][:, dimensions]).mean(axis=0)
    off = np.abs(stepped[:, dimensions] - following).mean(axis=0)
    moving = moved > 1e-6 * max(1.0, float(moved.max()))
    found = {
        "rows": int(rows.size),
        "error": _rounded(float((off[moving] / moved[moving]).mean())),
    }
    return {**found, **_rewards(table, rows, earned)}


def space_differs(
    said: tuple[list[float], list[float]] | None, bounds: Bounds
) -> str | None:
    """What the file says of its action space where that is not the environment's; None
    where it is, or says nothing."""
    if said is None:
        return None
    theirs = [np.asarray(values, dtype=np.float32) for values in said]
    alike = all(
        a.shape == b.shape and np.array_equal(a, b)
        for a, b in zip(theirs, bounds, strict=True)
    )
    if alike:
        return None
    low, high = (values.tolist() for values in theirs)
    return (
        f"{low} to {high}; the environment's is {bounds.low.tolist()} to"
        f" {bounds.high.tolist()}"
    )


def warn(found: dict[str, Any], where: str, environment: str) -> None:
    """Say in one line each what does not fit; that nothing could be tried is said,
    too."""
    if "skipped" in found:
        logger.info(
            "%s: not tried whether it fits %s: %s", where, environment, found["skipped"]
        )
    if found.get("error", 0.0) > THRESHOLD:
        logger.warning(
            "%s: it does not fit %s: steps from %d of its rows end %.2g of a step's"
            " length away from its next observations (more than %g): another"
            " environment, version or other parameters?",
            where,
            environment,
            found["rows"],
            found["error"],
            THRESHOLD,
        )
    if found.get("reward_error", 0.0) > REWARD_THRESHOLD:
        logger.warning(
            "%s: its rewards are not those of %s: they differ by %.2g of their standard"
            " deviation on %d rows (more than %g): another task, or rewards that were"
            " scaled?",
            where,
            environment,
            found["reward_error"],
            found["rows"],
            REWARD_THRESHOLD,
        )
    if "action_space" in found:
        logger.warning(
            "%s: it says that its action space is %s", where, found["action_space"]
        )


def _sample(table: Trajectories) -> IntArray:
    """Rows whose next observation is known, at most `SAMPLED`, in order."""
    known = np.flatnonzero(table.known)
    drawn = np.random.default_rng(0).permutation(len(known))[:SAMPLED]
    return np.sort(known[drawn])


def _stepped(
    sample: Trajectories, physics: Physics
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Where the rows' actions lead (S, O), what they earn (S,), and which could be
    tried."""
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    led, earned = np.zeros(sample.observation.shape), np.zeros(len(sample))
    tried = np.zeros(len(sample), dtype=bool)
    for row, observation in enumerate(sample.observation.astype(np.float64)):
        if not physics.restore(state, observation):
            continue
        outcome = physics.step(state, sample.action[row].astype(np.float64))
        if physics.is_sound(state):
            led[row], earned[row] = physics.observe(state), outcome.reward
            tried[row] = True
    return led[tried], earned[tried], tried


def _rewards(
    table: Trajectories, rows: IntArray, earned: FloatArray
) -> dict[str, float]:
    if table.reward is None:
        return {}
    theirs = table.reward[rows].astype(np.float64)
    spread = float(theirs.std())
    if spread == 0.0:
        return {}
    return {"reward_error": _rounded(float(np.abs(theirs - earned).mean()) / spread)}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
