"""Where the data do what the policy would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.selection.scores import ScoreSelector


@dataclass(frozen=True)
class Match(ScoreSelector):
    """Data action closest to pi_n(s), by L2 distance (method, section 6)."""

    name = "match"

    def scores(
        self,
        request: SelectionRequest,
        rows: IntArray,
    ) -> FloatArray:
        observation = request.data.observation[rows]
        policy_action = request.actions(observation, rows).astype(np.float64)
        difference = policy_action - request.data.action[rows]
        return np.asarray(-np.linalg.norm(difference, axis=1))
