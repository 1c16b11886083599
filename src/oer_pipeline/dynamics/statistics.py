"""Mean and standard deviation per dimension, and which dimensions vary at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.standardisation import CONSTANT
from oer_pipeline.common.types import FloatArray


@dataclass(frozen=True)
class Statistics:
    """Per dimension; a standard deviation of exactly 0 marks a constant dimension."""

    mean: Tensor  # (D,)
    std: Tensor  # (D,)

    @classmethod
    def of(cls, values: FloatArray) -> Statistics:
        """The statistics of `values` (N, D), computed in float64, kept in float32."""
        std = values.std(axis=0, dtype=np.float64)
        mean = values.mean(axis=0, dtype=np.float64)
        return cls(_float32(mean), _float32(np.where(std < CONSTANT, 0.0, std)))

    @property
    def varying(self) -> Tensor:
        """Indices of the dimensions that are not constant, (P,) int64."""
        return self.std.nonzero().squeeze(1)

    def standardise(self, values: Tensor) -> Tensor:
        """(values - mean) / std, (..., D); constant dimensions become 0 whatever their
        value."""
        return (values - self.mean) * torch.where(self.std > 0, 1.0 / self.std, 0.0)

    def to(self, device: torch.device | str) -> Statistics:
        return Statistics(self.mean.to(device), self.std.to(device))


def _float32(values: FloatArray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
