"""What a walk has stored, in order, and the record of how it came to each row. Shapes:
N rows of the data, M chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from oer_pipeline.common.types import FloatArray, IntArray


class Visit(NamedTuple):
    """A row and how it came to be stored."""

    row: int
    rollout: int = -1
    step: int = -1
    distance: float = np.nan
    walked: bool = False
    source: int = -1
    """The row that the step to this one left, -1 at a start."""


class StoredRows:
    """Distinct rows, at most `size` of N."""

    def __init__(
        self,
        size: int,
        rows: int,
    ) -> None:
        self.taken_N = np.zeros(rows, dtype=bool)
        self._visits: list[Visit] = []
        self._size = size

    @property
    def missing(self) -> int:
        """Rows still to come."""
        return self._size - len(self._visits)

    def add(self, visit: Visit) -> bool:
        """Store a row, unless it is stored already or nothing is missing; whether it
        was new."""
        if not self.missing or self.taken_N[visit.row]:
            return False
        self._visits.append(visit)
        self.taken_N[visit.row] = True
        return True

    def fill(self, draws: torch.Generator) -> None:
        """Store uniform rows until nothing is missing."""
        left = np.flatnonzero(~self.taken_N)
        order = torch.randperm(len(left), generator=draws)[: self.missing]
        rows = left[order.numpy()].tolist()
        self._visits += [Visit(row) for row in rows]

    def record(
        self, uncertainty: Callable[[list[int]], FloatArray]
    ) -> tuple[IntArray, dict[str, Any]]:
        """Rows and record (see Selection).

        Args:
            uncertainty: gives u(s, pi_n(s)) (B,) at rows of the data.
        """
        columns = [np.asarray(column) for column in zip(*self._visits, strict=True)]
        row, rollout, step, distance, walked, source = columns
        u_M = np.where(walked, 0.0, np.nan).astype(np.float32)
        stepped = source >= 0
        if stepped.any():
            u_M[stepped] = uncertainty(source[stepped].tolist())
        record = {
            "order": np.arange(len(row), dtype=np.int32),
            "rollout": rollout.astype(np.int32),
            "step": step.astype(np.int32),
            "distance": distance.astype(np.float32),
            "uncertainty": u_M,
            "walked": walked.astype(np.bool_),
        }
        return row.astype(np.int64), record
