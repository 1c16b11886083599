"""Inputs and targets of a transition model, cut from a transition table."""

from __future__ import annotations

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.trajectories.table import Trajectories


def inputs_of(data: Trajectories) -> FloatArray:
    """(s, a), (N, O + A) float32."""
    return np.concatenate((data.observation, data.action), axis=1)


def targets_of(data: Trajectories) -> FloatArray:
    """(s' - s, r), (N, O + 1) float32.

    Where the data have no rewards, r is 0 throughout: a constant output, which no model
    predicts and no error, likelihood or distance counts.
    """
    change = data.next_observation - data.observation
    reward = data.reward
    if reward is None:
        reward = np.zeros(len(data), np.float32)
    return np.concatenate((change, reward[:, None]), axis=1)
