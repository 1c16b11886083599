"""Do imported data fit the environment that the task names? Sampled rows are set into
it and stepped.

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
"""The error beyond which a file does not fit: right files have less than 1e-5, wrong
ones more than 0.03."""
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
    sampled = _sample(table)
    sample = table.select(sampled).scaled()
    stepped, earned, tried = _stepped(sample, physics)
    rows = sampled[tried]
    if not rows.size:
        cause = "no sampled observation tells its state"
        return {"skipped": f"{cause}: velocities stand where they are clipped"}
    before = table.observation[rows][:, dimensions]
    after = table.next_observation[rows][:, dimensions].astype(np.float64)
    moved = np.abs(after - before).mean(axis=0)
    off = np.abs(stepped[:, dimensions] - after).mean(axis=0)
    moving = moved > 1e-6 * max(1.0, float(moved.max()))
    if not moving.any():
        return {"skipped": "no state of the sampled rows moves"}
    error = off[moving] / moved[moving]
    fit: dict[str, Any] = {"rows": int(rows.size)}
    fit["error"] = _rounded(float(error.mean()))
    reward_error = _reward_error(table, rows, earned)
    if reward_error is not None:
        fit["reward_error"] = _rounded(reward_error)
    return fit


def space_difference(
    stated: tuple[list[float], list[float]] | None,
    bounds: Bounds,
) -> str | None:
    """What a file states as its action space where that is not the environment's; None
    where it is, or the file states none.

    Args:
        stated: lowest and highest action, (A,) each.
        bounds: the environment's.
    """
    if stated is None:
        return None
    low = np.asarray(stated[0], dtype=np.float32)
    high = np.asarray(stated[1], dtype=np.float32)
    if np.array_equal(low, bounds.low) and np.array_equal(high, bounds.high):
        return None
    wanted = f"{bounds.low.tolist()} to {bounds.high.tolist()}"
    return f"{low.tolist()} to {high.tolist()}; the environment's is {wanted}"


def warn(fit: dict[str, Any], where: str, environment: str) -> None:
    """Say in one line each what does not fit; that nothing could be tried is said,
    too.

    Args:
        fit: what `plausibility` returned, with `action_space` where that differs.
        where: the file.
        environment: what it is held against.
    """
    if "skipped" in fit:
        logger.info(
            "%s: not tried whether it fits %s: %s", where, environment, fit["skipped"]
        )
    if fit.get("error", 0.0) > THRESHOLD:
        logger.warning(
            "%s: it does not fit %s: steps from %d of its rows end %.2g of a step's"
            " length away from its next observations (more than %g): another"
            " environment, version or other parameters?",
            where,
            environment,
            fit["rows"],
            fit["error"],
            THRESHOLD,
        )
    if fit.get("reward_error", 0.0) > REWARD_THRESHOLD:
        logger.warning(
            "%s: its rewards are not those of %s: they differ by %.2g of their standard"
            " deviation on %d rows (more than %g): another task, or rewards that were"
            " scaled?",
            where,
            environment,
            fit["reward_error"],
            fit["rows"],
            REWARD_THRESHOLD,
        )
    if "action_space" in fit:
        logger.warning(
            "%s: it says that its action space is %s", where, fit["action_space"]
        )


def _sample(table: Trajectories) -> IntArray:
    """Rows whose next observation is known, at most `SAMPLED`, in order."""
    known = np.flatnonzero(table.known)
    order = np.random.default_rng(0).permutation(len(known))
    drawn = order[:SAMPLED]
    return np.sort(known[drawn])


def _stepped(
    sample: Trajectories,
    physics: Physics,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Where the rows' actions lead (S, O), what they earn (S,), and which could be
    tried."""
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    reached = np.zeros(sample.observation.shape)
    earned = np.zeros(len(sample))
    tried = np.zeros(len(sample), dtype=bool)
    for row, observation in enumerate(sample.observation.astype(np.float64)):
        if not physics.restore(state, observation):
            continue
        action = sample.action[row].astype(np.float64)
        outcome = physics.step(state, action)
        if physics.is_sound(state):
            reached[row] = physics.observe(state)
            earned[row] = outcome.reward
            tried[row] = True
    return reached[tried], earned[tried], tried


def _reward_error(
    table: Trajectories,
    rows: IntArray,
    earned: FloatArray,
) -> float | None:
    """How far the file's rewards are from the earned ones, in their own standard
    deviation; None where there are none, or they do not vary."""
    if table.reward is None:
        return None
    rewards = table.reward[rows].astype(np.float64)
    spread = float(rewards.std())
    if spread == 0.0:
        return None
    error = np.abs(rewards - earned).mean()
    return float(error) / spread


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
