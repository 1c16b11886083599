"""Exact nearest neighbours in bounded memory, for many members at once; each can close
candidates to itself.

A matrix product gives a lower bound of every squared distance: |x|^2 - 2 q.x + |q|^2,
less its rounding error. Only the few candidates whose bound does not exceed the K-th
best distance so far are measured, in float64; the result is that of measuring all of
them. So a member's answers do not depend on who asks beside it, nor on the device.
Points are float32 for selectors, whose products run at the device's speed, or float64
for metrics. Shapes: C candidates, Q queries, K neighbours, D dimensions, R members, P
pairs of a query and a candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.networks.products import product
from oer_pipeline.networks.randomness import generator

BOUNDS = {"cpu": 2**19, "cuda": 2**26}
"""Held at once, by kind of device."""
QUERIES = 256
"""Searched at once."""
PAIRS = 2**16
"""Measured at once."""
ROUNDING = {
    "highest": 2.0**-24,
    "high": 2.0**-11,
    "medium": 2.0**-8,
}
"""Unit round-off of a float32 matrix product, by torch's float32_matmul_precision."""
ROUNDING_OF_FLOAT64 = 2.0**-53


@dataclass(frozen=True, eq=False)
class Query:
    """What one member asks for: the `count` nearest candidates open to it, for each of
    its points."""

    points: Tensor  # (Q, D)
    count: int = 1
    excluded: Sequence[Sequence[int]] = ()
    """Per point, candidates that do not count; () when all do."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """Nearest first, ties by the lower index; where fewer are open, index -1 and an
    infinite distance."""

    index: Tensor  # (Q, K) int64
    distance: Tensor  # (Q, K) float64


class NeighbourSearch:
    """Candidates to search, on the device of their points.

    Args:
        points_CD: of the candidates, float32 or float64; queries have the same dtype.
        members: how many may close candidates to themselves.
    """

    def __init__(
        self,
        points_CD: Tensor,
        members: int = 1,
    ) -> None:
        self._table_DC = points_CD.T.contiguous()
        # A bound's rounding stays below 4 (D + 4) u (|x|^2 + |q|^2), u the unit
        # round-off: so much is taken off.
        dimensions = points_CD.shape[1]
        margin = 4.0 * (dimensions + 4) * _rounding(points_CD.dtype)
        self._shrink = 1.0 - margin
        squares_C = points_CD.square().sum(dim=1)
        self._largest = float(squares_C.max())
        self._open_RC = (self._shrink * squares_C).repeat(members, 1)
        """Of the candidates that are open to each member; infinite where closed."""

    def __len__(self) -> int:
        return self._table_DC.shape[1]

    def points(self, candidates: Tensor | Sequence[int]) -> Tensor:
        """The candidates' own points, (B, D)."""
        index = torch.as_tensor(candidates, device=self._table_DC.device)
        return self._table_DC[:, index].T

    def close(
        self,
        candidates: int | Tensor,
        member: int = 0,
    ) -> None:
        """Leave `candidates` out of every later search of `member`."""
        self._open_RC[member, candidates] = torch.inf

    def nearest(self, queries: Mapping[int, Query]) -> dict[int, Nearest]:
        """The answer to every member's query; all ask for the same count."""
        counts = {query.count for query in queries.values()}
        if len(counts) != 1:
            raise ValueError(
                f"queries for {sorted(counts)} neighbours; one search answers one count"
            )
        [count] = counts
        owner: list[int] = []
        excluded: list[Sequence[int]] = []
        for member, query in queries.items():
            size = len(query.points)
            owner += [member] * size
            excluded += query.excluded or [()] * size
        points = [query.points for query in queries.values()]
        sizes = [len(points_BD) for points_BD in points]
        points_QD = torch.cat(points)
        index_parts = []
        squared_parts = []
        for start in range(0, len(points_QD), QUERIES):
            block = slice(start, start + QUERIES)
            index_QK, squared_QK = self._search(
                points_QD[block],
                owner[block],
                excluded[block],
                count,
            )
            index_parts.append(index_QK)
            squared_parts.append(squared_QK)
        index_QK = torch.cat(index_parts)
        distance_QK = torch.cat(squared_parts).sqrt()
        indices = torch.split(index_QK, sizes)
        distances = torch.split(distance_QK, sizes)
        answers = {}
        for member, index, distance in zip(queries, indices, distances, strict=True):
            answers[member] = Nearest(index, distance)
        return answers

    def within(
        self,
        point_D: Tensor,
        radius: float,
    ) -> Tensor:
        """Every candidate open to the first member that is no farther than `radius`
        from the point, (P,) int64."""
        limit = radius**2
        threshold = limit - self._shrink * point_D.square().sum()
        parts = []
        for start, bound_QC in self._bounds(point_D[None], [0], [()]):
            may_be_near_C = bound_QC[0] <= threshold
            near_P = start + may_be_near_C.nonzero().squeeze(1)
            query_PD = point_D.expand(len(near_P), -1)
            squared_P = self._squared(query_PD, near_P)
            parts.append(near_P[squared_P <= limit])
        return torch.cat(parts)

    def _search(
        self,
        query_QD: Tensor,
        owner: Sequence[int],
        excluded: Sequence[Sequence[int]],
        count: int,
    ) -> tuple[Tensor, Tensor]:
        """Index and squared distance (Q, K) of the nearest."""
        offset_Q = self._shrink * query_QD.square().sum(dim=1)
        shape = (len(owner), count)
        index_QK = query_QD.new_full(shape, -1, dtype=torch.int64)
        best_QK = query_QD.new_full(shape, torch.inf, dtype=torch.float64)
        for start, bound_QC in self._bounds(query_QD, owner, excluded):
            lowest_Q = bound_QC.amin(dim=1)
            may_improve_Q = lowest_Q <= best_QK[:, -1] - offset_Q
            may_improve_Q &= lowest_Q.isfinite()
            near_Q = may_improve_Q.nonzero().squeeze(1)
            if not len(near_Q):
                continue
            offset = offset_Q[near_Q]
            bound = bound_QC[near_Q]
            limit = self._limit(offset, bound, count)
            limit = torch.minimum(best_QK[near_Q, -1], limit)
            new_index, new_squared = self._measure(
                query_QD[near_Q],
                offset,
                limit,
                bound,
                start,
                count,
            )
            # Those of earlier chunks have lower indices, so that a stable sort settles
            # ties.
            index = torch.cat((index_QK[near_Q], new_index), 1)
            squared = torch.cat((best_QK[near_Q], new_squared), 1)
            squared, order = squared.sort(dim=1, stable=True)
            index_QK[near_Q] = index.gather(1, order)[:, :count]
            best_QK[near_Q] = squared[:, :count]
        return index_QK, best_QK

    def _bounds(
        self,
        query_QD: Tensor,
        owner: Sequence[int],
        excluded: Sequence[Sequence[int]],
    ) -> Iterator[tuple[int, Tensor]]:
        """The first candidate of each chunk, and lower bounds (Q, chunk) of squared
        distances less the query's part."""
        query_P, candidate_P = _pairs(excluded, query_QD.device)
        chunk = BOUNDS[query_QD.device.type] // len(owner)
        for start in range(0, len(self), chunk):
            end = start + chunk
            chunk_DC = self._table_DC[:, start:end]
            bound_QC = product(-2.0 * query_QD, chunk_DC)
            for member, rows in _runs(owner):
                bound_QC[rows] += self._open_RC[member, start:end]
            if len(query_P):
                end = start + bound_QC.shape[1]
                inside_P = (candidate_P >= start) & (candidate_P < end)
                column_P = candidate_P[inside_P] - start
                bound_QC[query_P[inside_P], column_P] = torch.inf
            yield start, bound_QC

    def _measure(
        self,
        query_QD: Tensor,
        offset_Q: Tensor,
        limit_Q: Tensor,
        bound_QC: Tensor,
        start: int,
        count: int,
    ) -> tuple[Tensor, Tensor]:
        """Of one chunk, index and squared distance (Q, K) of the nearest that may be
        nearer than `limit_Q`."""
        # What is below the limit, but for one that is closed, whose bound is infinite.
        threshold_Q = (limit_Q - offset_Q).to(bound_QC.dtype)
        threshold_Q = threshold_Q.clamp(max=torch.finfo(bound_QC.dtype).max)
        may_be_near_QC = bound_QC <= threshold_Q[:, None]
        query_P, candidate_P = may_be_near_QC.nonzero().unbind(1)
        candidate_P += start
        queries = torch.split(query_P, PAIRS)
        candidates = torch.split(candidate_P, PAIRS)
        parts = []
        for query, candidate in zip(queries, candidates, strict=True):
            parts.append(self._squared(query_QD[query], candidate))
        squared_P = torch.cat(parts)
        return _lowest(
            query_P,
            candidate_P,
            squared_P,
            len(query_QD),
            count,
        )

    def _limit(
        self,
        offset_Q: Tensor,
        bound_QC: Tensor,
        count: int,
    ) -> Tensor:
        """An upper bound (Q,) of the K-th smallest squared distance in a chunk,
        infinite where it has fewer."""
        if count > bound_QC.shape[1]:
            return torch.full_like(offset_Q, torch.inf, dtype=torch.float64)
        if count == 1:
            bound_Q = bound_QC.amin(dim=1)
        else:
            bound_Q = bound_QC.topk(count, largest=False).values.amax(dim=1)
        largest_Q = self._largest + offset_Q / self._shrink
        margin_Q = 2.0 * (1.0 - self._shrink) * largest_Q
        return bound_Q.double() + offset_Q + margin_Q

    def _squared(
        self,
        query_PD: Tensor,
        candidate_P: Tensor,
    ) -> Tensor:
        """Squared distance (P,) float64 of each pair."""
        difference_PD = query_PD.double() - self.points(candidate_P).double()
        # Contiguous, because torch adds up in another order otherwise, and a pair's
        # distance has to be its own alone.
        return difference_PD.contiguous().square().sum(dim=1)


def _rounding(dtype: torch.dtype) -> float:
    """Unit round-off of a matrix product."""
    if dtype == torch.float64:
        return ROUNDING_OF_FLOAT64
    return ROUNDING[torch.get_float32_matmul_precision()]


def _pairs(
    excluded: Sequence[Sequence[int]],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Query and candidate (P,) of everything that does not count."""
    pairs: list[tuple[int, int]] = []
    for query, candidates in enumerate(excluded):
        pairs += [(query, candidate) for candidate in candidates]
    table = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    query_P, candidate_P = table.to(device).unbind(1)
    return query_P, candidate_P


def _lowest(
    query_P: Tensor,
    candidate_P: Tensor,
    squared_P: Tensor,
    queries: int,
    count: int,
) -> tuple[Tensor, Tensor]:
    """Candidate and squared distance (Q, K) of each query's K nearest pairs, ties in
    the order of the pairs."""
    order_P = squared_P.argsort(stable=True)
    order_P = order_P[query_P[order_P].argsort(stable=True)]
    query_P = query_P[order_P]
    size_Q = query_P.bincount(minlength=queries)
    first_Q = size_Q.cumsum(0) - size_Q
    place_P = torch.arange(len(query_P), device=query_P.device)
    rank_P = place_P - first_Q[query_P]
    kept_P = rank_P < count
    place = (query_P[kept_P], rank_P[kept_P])
    source_P = order_P[kept_P]
    index_QK = candidate_P.new_full((queries, count), -1)
    index_QK[place] = candidate_P[source_P]
    squared_QK = squared_P.new_full((queries, count), torch.inf)
    squared_QK[place] = squared_P[source_P]
    return index_QK, squared_QK


def _runs(owner: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Each member with its queries, which stand side by side."""
    start = 0
    for member, queries in groupby(owner):
        end = start + len(list(queries))
        yield member, slice(start, end)
        start = end


def distance_quantile(
    search: NeighbourSearch,
    rows: int,
    quantile: float,
    sample: int,
) -> float:
    """The quantile of distances to the nearest other candidate.

    Args:
        search: holds the candidates.
        rows: candidates that may be drawn, the first ones. Which are drawn depends on
            this alone: every member measures the same distance.
        quantile: 0 to 1.
        sample: how many are drawn.
    """
    draws = generator("selection/distance", 0, 0)
    chosen = torch.randperm(rows, generator=draws)[:sample]
    query = Query(
        points=search.points(chosen),
        excluded=chosen[:, None].tolist(),
    )
    distance = search.nearest({0: query})[0].distance
    return float(np.quantile(distance.cpu().numpy(), quantile))
