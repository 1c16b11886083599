"""A linear transition model, what an ensemble has to beat: least squares of (s' - s, r)
on (s, a) and a constant.

Shapes: N rows, B batch, O observation, A action, I = O + A inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.inputs_and_targets import inputs_of, targets_of
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.trajectories.table import Trajectories


@dataclass(frozen=True)
class LinearModel:
    """Weights on standardised inputs; the last row is the constant's."""

    inputs: Statistics  # of (s, a), (I,)
    weights: FloatArray  # (I + 1, O + 1) float64

    @classmethod
    def fit(
        cls,
        inputs: Statistics,
        data: Trajectories,
    ) -> LinearModel:
        """Fit to `data` (N rows), minimum norm where inputs are collinear."""
        design = _design(inputs, inputs_of(data))
        targets = targets_of(data).astype(np.float64)
        weights, *_ = np.linalg.lstsq(design, targets, rcond=1e-6)
        return cls(inputs, weights)

    def predict(
        self,
        observation: FloatArray,
        action: FloatArray,
    ) -> FloatArray:
        """(s' - s, r), (B, O + 1) float64, at observations (B, O) and actions (B,
        A)."""
        inputs = np.concatenate((observation, action), axis=1)
        return np.asarray(_design(self.inputs, inputs) @ self.weights)


def _design(
    statistics: Statistics,
    inputs_BI: FloatArray,
) -> FloatArray:
    """Standardised inputs, 0 where they are constant, and a constant 1: (B, I + 1)."""
    mean = statistics.mean.double().cpu().numpy()
    std = statistics.std.double().cpu().numpy()
    inverse = np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)
    standardised = (inputs_BI - mean) * inverse
    return np.pad(standardised, ((0, 0), (0, 1)), constant_values=1.0)
