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

    def scores(self, request: SelectionRequest, rows: IntArray) -> FloatArray:
        wanted = request.actions(request.data.observation[rows], rows)
        return np.asarray(
            -np.linalg.norm(
                wanted.astype(np.float64) - request.data.action[rows], axis=1
            )
        )
