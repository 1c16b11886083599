"""What selectors that rank share: the best transitions, or the best episodes (method,
section 6).

Shapes: N rows of the data, B rows of a chunk, E episodes.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from oer_pipeline.common import checks
from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.selection import episodes
from oer_pipeline.selection.check_request import check_finite
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector
from oer_pipeline.trajectories.table import Trajectories

CHUNK = 16_384
"""Rows scored at once."""
FORMS = ("transition", "episode")


@dataclass(frozen=True)
class ScoreSelector(Selector):
    """Highest score first; the generator settles ties. `per: episode` goes by mean
    scores and cuts the last episode."""

    name: ClassVar[str]
    per: str = "transition"

    def __post_init__(self) -> None:
        """Refuse another `per` than transition or episode.

        Raises:
            ConfigurationError: names the option, its value and what it takes.
        """
        checks.known(f"{self.name}: per", self.per, FORMS)

    def check(self, request: SelectionRequest) -> None:
        """Refuse, before any work, a request that lacks what the scores need.

        Raises:
            ConfigurationError: names what is missing.
        """

    @abstractmethod
    def scores(
        self,
        request: SelectionRequest,
        rows: IntArray,
    ) -> FloatArray:
        """Scores (B,) float64 of `rows` (B,) of the data."""

    def scored(self, data: Trajectories) -> BoolArray:
        """Rows (N,) that have a score: all. Others come last and do not count in
        means."""
        return np.ones(len(data), dtype=bool)

    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows.

        Raises:
            ConfigurationError: the request lacks what the scores need.
            DataError: a score, or what it is made of, is not finite.
        """
        self.check(request)
        (request,), rows = in_content_order([request])
        scores = self._all_scores(request)
        if self.per == "transition":
            chosen = ranked(scores, request.generator)[: request.size]
        else:
            means = episodes.means(request.data, scores)
            order = ranked(means, request.generator)
            chosen = episodes.rows_of(request.data, order, request.size)
        return Selection.unwalked(rows[chosen])

    def _all_scores(self, request: SelectionRequest) -> FloatArray:
        """Of every row (N,); -inf where it has none."""
        what = f"the score of selector {self.name}"
        scored = self.scored(request.data)
        scores = np.full(len(scored), -np.inf)
        rows = np.flatnonzero(scored)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            scores[chunk] = self.scores(request, chunk)
            check_finite(what, scores[chunk], request.data, chunk)
        return scores


def ranked(
    scores: FloatArray,
    draws: torch.Generator,
) -> IntArray:
    """Positions from the highest score to the lowest; equal ones in a random order.

    Args:
        scores: one per position, (N,).
        draws: of the order of equal ones.
    """
    shuffled = torch.randperm(len(scores), generator=draws).numpy()
    order = np.argsort(-scores[shuffled], kind="stable")
    return np.asarray(shuffled[order])
