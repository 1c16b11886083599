"""What the critic predicts worst (Isele & Cosgun 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.selection.protocol import SelectionRequest, needed
from oer_pipeline.selection.scores import ScoreSelector


@dataclass(frozen=True)
class Surprise(ScoreSelector):
    """Largest |r + gamma (1 - terminal) Q(s', pi_n(s')) - Q(s, a)| (method, section
    6)."""

    name = "surprise"
    needs_rewards = True

    def check(self, request: SelectionRequest) -> None:
        needed(request.critic, self.name, "a critic")
        needed(request.discount, self.name, "the critic's discount")

    def scores(
        self,
        request: SelectionRequest,
        rows: IntArray,
    ) -> FloatArray:
        critic = needed(request.critic, self.name, "a critic")
        discount = needed(request.discount, self.name, "the critic's discount")
        data = request.data.select(rows)
        action = request.actions(data.next_observation, rows)
        next_value = request.values(
            critic,
            data.next_observation,
            action,
            rows,
        )
        future = np.where(data.terminal, 0.0, discount * next_value)
        value = request.values(
            critic,
            data.observation,
            data.action,
            rows,
        )
        return np.asarray(np.abs(data.rewards + future - value))
