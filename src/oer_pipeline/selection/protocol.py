"""What a selector is given and what it returns.

Shapes: N rows of the data, M chosen rows, B batch, O observation, A action.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.errors import ConfigurationError, DataError
from oer_pipeline.trajectories.table import Trajectories
from oer_pipeline.types import FloatArray, IntArray

Act = Callable[[FloatArray], FloatArray]
"""The member's own task policy: raw observations (B, O) -> actions (B, A)."""


@dataclass(frozen=True)
class SelectionRequest:
    """Choose `size` transitions of `data` (D_n) for a buffer.

    Raises:
        ConfigurationError: a size that is not in 1..N, a horizon below 1, a distance dimension that does not exist.
        DataError: a transition model of other sizes than the data's.
    """

    data: Trajectories
    size: int  # M
    act: Act
    model: TransitionModel | None
    distance_dimensions: tuple[int, ...]
    generator: torch.Generator
    horizon: int  # steps

    def __post_init__(self) -> None:
        rows, observations = self.data.observation.shape
        if not 1 <= self.size <= rows:
            raise ConfigurationError(f"buffer size {self.size}: the data have {rows} rows; choose 1 to {rows}")
        if self.horizon < 1:
            raise ConfigurationError(f"horizon {self.horizon}: a roll-out takes at least 1 step")
        if not self.distance_dimensions or not set(self.distance_dimensions) <= set(range(observations)):
            raise ConfigurationError(
                f"distance dimensions {self.distance_dimensions}: choose one or more of 0 to {observations - 1}"
            )
        self._check_model(observations, self.data.action.shape[1])

    def _check_model(self, observations: int, actions: int) -> None:
        if self.model and (self.model.observation_size, self.model.action_size) != (observations, actions):
            raise DataError(
                f"transition model of {self.model.observation_size} observation and {self.model.action_size} action "
                f"dimensions; the data have {observations} and {actions}"
            )


@dataclass(frozen=True)
class Selection:
    """Chosen rows in the order of their choice; `record` says per row how it was chosen, (M,) each.

    order (int32), rollout (int32, counted from 0), step (int32, model steps since the roll-out's start), distance
    (float32, from the prediction to this sample) and uncertainty (float32, u(s, a) of the step that led here), both 0
    at a start, and walked. A row that no walk led to has walked false, roll-out and step -1, distance and uncertainty
    NaN.
    """

    rows: IntArray  # (M,) int64, distinct
    record: Mapping[str, Any]

    @classmethod
    def unwalked(cls, rows: IntArray) -> Selection:
        """Rows (M,) that were all chosen without a walk."""
        size = len(rows)
        record = {
            "order": np.arange(size, dtype=np.int32),
            "rollout": np.full(size, -1, np.int32),
            "step": np.full(size, -1, np.int32),
            "distance": np.full(size, np.nan, np.float32),
            "uncertainty": np.full(size, np.nan, np.float32),
            "walked": np.zeros(size, np.bool_),
        }
        return cls(rows.astype(np.int64), record)


class Selector(ABC):
    """Fills a replay buffer from one task's data."""

    @abstractmethod
    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows."""
