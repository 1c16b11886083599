"""The most rewarding experience."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.selection.scores import ScoreSelector


@dataclass(frozen=True)
class Reward(ScoreSelector):
    """Highest reward; per episode, highest mean reward (method, section 6)."""

    name = "reward"
    needs_rewards = True

    def scores(
        self,
        request: SelectionRequest,
        rows: IntArray,
    ) -> FloatArray:
        return request.data.rewards[rows].astype(np.float64)
