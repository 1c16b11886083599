"""The return of an episode whose physics diverged (docs/deviations.md).

Its return so far would reward diverging: a cheetah that is stopped after one step has
-1.6, one that stands still to the end -300. Leaving such episodes out would do the
same, for those that stay are the better ones. So they are continued to the horizon, at
the worst rewards.

Shapes: B episodes.
"""

from __future__ import annotations

import numpy as np

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.suites.behaviour import UniformPolicy, play
from oer_pipeline.suites.rollout import Episodes
from oer_pipeline.suites.suite import Task

RANDOM_EPISODES = 25
"""As many as a round of collection."""


def full_returns(task: Task, episodes: Episodes) -> FloatArray:
    """Undiscounted return of each episode (B,), diverged ones continued to the horizon.

    Every missing step earns the least of what random actions earn (`worst_reward`), of
    what the episode itself has earned, and of 0, which is what a fall leaves. So
    diverging does not pay, whatever the episode was like.

    Args:
        task: that was played.
        episodes: B of them.
    """
    returns = episodes.returns
    diverged = episodes.diverged
    if diverged.any():
        least = episodes.reward[diverged].min(axis=1)
        returns[diverged] += continuation(task, episodes.length[diverged], least)
    return returns


def continuation(
    task: Task,
    length: IntArray,
    least: FloatArray,
) -> FloatArray:
    """What the steps that diverged episodes miss would add to their returns, (B,).

    Args:
        task: with the horizon.
        length: (B,) steps that they had.
        least: (B,) the least reward of each.
    """
    per_step = np.minimum(least, worst_reward(task))
    per_step = np.minimum(per_step, 0.0)
    missing = task.horizon - length
    return np.asarray(missing * per_step)


def worst_reward(task: Task) -> float:
    """The least reward of some random episodes of the task, with seed 0 and the starts
    of its place in the sequence.

    Of random actions, whatever quality a run is about: experts' rewards have no bad
    ones among them, a walking walker's are all above 0. No node needs another input for
    it, and it costs nothing unless an episode diverged.
    """
    played = play(task, UniformPolicy(), RANDOM_EPISODES, "collect random")
    return float(played.reward.min())
