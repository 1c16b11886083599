"""Exact nearest neighbours on standardised observations, in bounded memory; candidates can be taken out.

A matrix product gives a lower bound of every squared distance: |x|^2 - 2 q.x + |q|^2, less its rounding error. Only the
few candidates whose bound does not exceed the best distance so far are measured, in float64; the result is that of
measuring all of them. Shapes: C candidates, Q queries, O observation, D distance dimensions, P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.dynamics.statistics import CONSTANT
from oer_pipeline.errors import DataError
from oer_pipeline.networks.policy import Standardiser
from oer_pipeline.types import FloatArray

BOUNDS = 2**19  # in flight at once
QUERIES = 256
PAIRS = 2**16  # measured at once


class Neighbours:
    """A set of candidate states to search; distances are L2 over the dimensions that vary."""

    def __init__(self, candidates: FloatArray, reference: FloatArray, dimensions: Sequence[int]) -> None:
        """Search `candidates` (C, O) on `dimensions`, standardised with the statistics of `reference` (N, O).

        Raises:
            DataError: none of the dimensions varies in `reference`.
        """
        standardiser = Standardiser.of(reference[:, list(dimensions)])
        varies = standardiser.std >= CONSTANT
        if not varies.any():
            raise DataError(f"no distance between states: none of the dimensions {list(dimensions)} varies in the data")
        self._dimensions = np.asarray(dimensions)[varies]
        self._standardiser = Standardiser(standardiser.mean[varies], standardiser.std[varies])
        self._points_CD = self._points(candidates)
        # A bound's rounding in float32 stays below 4 (D + 4) 2^-24 (|x|^2 + |q|^2), so that much is taken off.
        self._shrink = 1.0 - 4.0 * (len(self._dimensions) + 4) * 2.0**-24
        squares_C = self._shrink * self._points_CD.square().sum(dim=1)
        self._table = torch.cat((self._points_CD.T, squares_C[None]))  # (D + 1, C); the last row takes candidates out

    def _points(self, observation: FloatArray) -> Tensor:
        return torch.from_numpy(self._standardiser(observation[:, self._dimensions]))

    def take(self, candidate: int) -> None:
        """Leave `candidate` out of every later search."""
        self._table[-1, candidate] = torch.inf

    def nearest(self, observation: FloatArray, itself: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The nearest candidate left for each observation (Q, O): its index (Q,) int64 and distance (Q,) float64.

        Ties go to the lower index. Where no candidate is left the index is -1 and the distance infinite. `itself` (Q,)
        names one candidate per query that does not count.
        """
        query_QD = self._points(observation)
        own = torch.full((len(query_QD),), -1) if itself is None else itself
        parts = [
            self._nearest(q, o) for q, o in zip(torch.split(query_QD, QUERIES), torch.split(own, QUERIES), strict=True)
        ]
        index, squared = (torch.cat(part) for part in zip(*parts, strict=True))
        return index, squared.sqrt()

    def _nearest(self, query_QD: Tensor, itself_Q: Tensor) -> tuple[Tensor, Tensor]:
        offset_Q = self._shrink * query_QD.square().sum(dim=1)
        factor = torch.cat((-2.0 * query_QD, torch.ones(len(query_QD), 1)), dim=1)
        index_Q = torch.full_like(itself_Q, -1)
        best_Q = torch.full((len(query_QD),), torch.inf, dtype=torch.float64)
        chunk = BOUNDS // len(query_QD)
        for start in range(0, len(self._points_CD), chunk):
            bound_QC = factor @ self._table[:, start : start + chunk]  # less the offset
            inside = (itself_Q >= start) & (itself_Q < start + bound_QC.shape[1])
            bound_QC[inside, itself_Q[inside] - start] = torch.inf
            lowest_Q = bound_QC.amin(dim=1)
            open_Q = (lowest_Q.isfinite() & (lowest_Q <= best_Q - offset_Q)).nonzero().squeeze(1)
            if len(open_Q):
                chunk_CD = self._points_CD[start : start + chunk]
                asked = query_QD[open_Q], offset_Q[open_Q], best_Q[open_Q], bound_QC[open_Q]
                found_Q, squared_Q = _measure(*asked, chunk_CD)
                nearer = squared_Q < best_Q[open_Q]
                index_Q[open_Q[nearer]], best_Q[open_Q[nearer]] = start + found_Q[nearer], squared_Q[nearer]
        return index_Q, best_Q


def _measure(
    query_QD: Tensor, offset_Q: Tensor, best_Q: Tensor, bound_QC: Tensor, points_CD: Tensor
) -> tuple[Tensor, Tensor]:
    """Each query's nearest of the points that may be nearer than `best_Q`: index and squared distance (Q,)."""
    within_Q = torch.minimum(best_Q, _squared(query_QD, points_CD[bound_QC.argmin(dim=1)]))
    query_P, point_P = (bound_QC <= (within_Q - offset_Q).float()[:, None]).nonzero().unbind(1)
    pairs = zip(torch.split(query_P, PAIRS), torch.split(point_P, PAIRS), strict=True)
    squared_P = torch.cat([_squared(query_QD[q], points_CD[p]) for q, p in pairs])
    squared_Q = torch.full_like(best_Q, torch.inf).scatter_reduce(0, query_P, squared_P, "amin")
    nearest_P = squared_P == squared_Q[query_P]
    last = torch.full((len(best_Q),), len(points_CD))
    return last.scatter_reduce(0, query_P[nearest_P], point_P[nearest_P], "amin"), squared_Q


def _squared(x_PD: Tensor, y_PD: Tensor) -> Tensor:
    return (x_PD.double() - y_PD.double()).square().sum(dim=1)
