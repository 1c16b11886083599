"""Exact nearest neighbours in bounded memory, for many members at once; each can close
candidates to itself.

A matrix product gives a lower bound of every squared distance: |x|^2 - 2 q.x + |q|^2,
less its rounding error. Only the few candidates whose bound does not exceed the K-th
best distance so far are measured, in float64; the result is that of measuring all of
them. So a member's answers do not depend on who asks beside it, nor on the device.
Shapes: C candidates, Q queries, K neighbours, D dimensions, R members, P pairs of a
query and a candidate.
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

BOUNDS = {"cpu": 2**19, "cuda": 2**26}  # in flight at once, by kind of device
QUERIES = 256
PAIRS = 2**16  # measured at once
ROUNDING = {"highest": 2.0**-24, "high": 2.0**-11, "medium": 2.0**-8}
"""Unit round-off of a float32 matrix product, by torch's float32_matmul_precision."""


@dataclass(frozen=True, eq=False)
class Query:
    """What one member asks for: the `count` nearest candidates open to it, for each of
    its points."""

    points: Tensor  # (Q, D)
    count: int = 1
    without: Sequence[
        Sequence[int]
    ] = ()  # per point, candidates that do not count; () when all do


@dataclass(frozen=True, eq=False)
class Found:
    """Nearest first, ties by the lower index; where fewer are open, index -1 and an
    infinite distance."""

    index: Tensor  # (Q, K) int64
    distance: Tensor  # (Q, K) float64


class Neighbours:
    """Candidates to search, on the device of their points."""

    def __init__(self, points_CD: Tensor, members: int = 1) -> None:
        self._table_DC = points_CD.T.contiguous()
        # A bound's rounding stays below 4 (D + 4) u (|x|^2 + |q|^2), u the unit
        # round-off: so much is taken off.
        self._shrink = (
            1.0
            - 4.0
            * (points_CD.shape[1] + 4)
            * ROUNDING[torch.get_float32_matmul_precision()]
        )
        squares_C = points_CD.square().sum(dim=1)
        self._largest = float(squares_C.max())
        self._open_RC = (self._shrink * squares_C).repeat(
            members, 1
        )  # infinite where closed

    def __len__(self) -> int:
        return self._table_DC.shape[1]

    def points(self, candidates: Tensor | Sequence[int]) -> Tensor:
        """The candidates' own points, (B, D)."""
        return self._table_DC[
            :, torch.as_tensor(candidates, device=self._table_DC.device)
        ].T

    def close(self, candidates: int | Tensor, member: int = 0) -> None:
        """Leave `candidates` out of every later search of `member`."""
        self._open_RC[member, candidates] = torch.inf

    def nearest(self, asked: Mapping[int, Query]) -> dict[int, Found]:
        """The answer to every member's query; all ask for the same count."""
        counts = {query.count for query in asked.values()}
        if len(counts) != 1:
            raise ValueError(
                f"queries for {sorted(counts)} neighbours; one search answers one count"
            )
        owner = [
            member for member, query in asked.items() for _ in range(len(query.points))
        ]
        without = [
            pairs
            for query in asked.values()
            for pairs in query.without or [()] * len(query.points)
        ]
        points_QD = torch.cat([query.points for query in asked.values()])
        blocks = [
            slice(start, start + QUERIES) for start in range(0, len(points_QD), QUERIES)
        ]
        parts = [
            self._search(points_QD[b], owner[b], without[b], *counts) for b in blocks
        ]
        index_QK, squared_QK = (torch.cat(part) for part in zip(*parts, strict=True))
        ends = torch.split(index_QK, [len(q.points) for q in asked.values()])
        distances = torch.split(
            squared_QK.sqrt(), [len(q.points) for q in asked.values()]
        )
        return {
            member: Found(i, d)
            for member, i, d in zip(asked, ends, distances, strict=True)
        }

    def within(self, point_D: Tensor, radius: float) -> Tensor:
        """Every candidate open to the first member that is no farther than `radius`
        from the point, (P,) int64."""
        limit, parts = radius**2, []
        for start, bound_QC in self._bounds(point_D[None], [0], [()]):
            threshold = limit - self._shrink * point_D.square().sum()
            near_P = start + (bound_QC[0] <= threshold).nonzero().squeeze(1)
            parts.append(
                near_P[self._squared(point_D.expand(len(near_P), -1), near_P) <= limit]
            )
        return torch.cat(parts)

    def _search(
        self,
        query_QD: Tensor,
        owner: Sequence[int],
        without: Sequence[Sequence[int]],
        count: int,
    ) -> tuple[Tensor, Tensor]:
        """Index and squared distance (Q, K) of the nearest."""
        offset_Q = self._shrink * query_QD.square().sum(dim=1)
        index_QK = query_QD.new_full((len(owner), count), -1, dtype=torch.int64)
        best_QK = query_QD.new_full((len(owner), count), torch.inf, dtype=torch.float64)
        for start, bound_QC in self._bounds(query_QD, owner, without):
            lowest_Q = bound_QC.amin(dim=1)
            near_Q = (
                (lowest_Q.isfinite() & (lowest_Q <= best_QK[:, -1] - offset_Q))
                .nonzero()
                .squeeze(1)
            )
            if len(near_Q):
                offset, bound_QC = offset_Q[near_Q], bound_QC[near_Q]
                limit_Q = torch.minimum(
                    best_QK[near_Q, -1], self._limit(offset, bound_QC, count)
                )
                found = self._measure(
                    query_QD[near_Q], offset, limit_Q, bound_QC, start, count
                )
                # Those of earlier chunks have lower indices, so that a stable sort
                # settles ties.
                index, squared = (
                    torch.cat((index_QK[near_Q], found[0]), 1),
                    torch.cat((best_QK[near_Q], found[1]), 1),
                )
                squared, order = squared.sort(dim=1, stable=True)
                index_QK[near_Q], best_QK[near_Q] = (
                    index.gather(1, order)[:, :count],
                    squared[:, :count],
                )
        return index_QK, best_QK

    def _bounds(
        self, query_QD: Tensor, owner: Sequence[int], without: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int, Tensor]]:
        """The first candidate of each chunk, and lower bounds (Q, chunk) of squared
        distances less the query's part."""
        hidden_P = [
            (query, candidate)
            for query, candidates in enumerate(without)
            for candidate in candidates
        ]
        queries_P, candidates_P = (
            torch.tensor(hidden_P, dtype=torch.int64)
            .reshape(-1, 2)
            .to(query_QD.device)
            .unbind(1)
        )
        chunk = BOUNDS[query_QD.device.type] // len(owner)
        for start in range(0, len(self), chunk):
            bound_QC = product(
                -2.0 * query_QD, self._table_DC[:, start : start + chunk]
            )
            for member, rows in _runs(owner):
                bound_QC[rows] += self._open_RC[member, start : start + chunk]
            if len(hidden_P):
                inside_P = (candidates_P >= start) & (
                    candidates_P < start + bound_QC.shape[1]
                )
                bound_QC[queries_P[inside_P], candidates_P[inside_P] - start] = (
                    torch.inf
                )
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
        threshold_Q = (
            (limit_Q - offset_Q).float().clamp(max=torch.finfo(torch.float32).max)
        )
        query_P, candidate_P = (bound_QC <= threshold_Q[:, None]).nonzero().unbind(1)
        candidate_P += start
        pairs = zip(
            torch.split(query_P, PAIRS), torch.split(candidate_P, PAIRS), strict=True
        )
        squared_P = torch.cat([self._squared(query_QD[q], c) for q, c in pairs])
        return _lowest(query_P, candidate_P, squared_P, len(query_QD), count)

    def _limit(self, offset_Q: Tensor, bound_QC: Tensor, count: int) -> Tensor:
        """An upper bound (Q,) of the K-th smallest squared distance in a chunk,
        infinite where it has fewer."""
        if count > bound_QC.shape[1]:
            return torch.full_like(offset_Q, torch.inf, dtype=torch.float64)
        bound_Q = (
            bound_QC.amin(dim=1)
            if count == 1
            else bound_QC.topk(count, largest=False).values.amax(dim=1)
        )
        return (
            bound_Q.double()
            + offset_Q
            + 2.0 * (1.0 - self._shrink) * (self._largest + offset_Q / self._shrink)
        )

    def _squared(self, query_PD: Tensor, candidate_P: Tensor) -> Tensor:
        # Contiguous, because torch adds up in another order otherwise, and a pair's
        # distance has to be its own alone.
        return (
            (query_PD.double() - self.points(candidate_P).double())
            .contiguous()
            .square()
            .sum(dim=1)
        )


def _lowest(
    query_P: Tensor, candidate_P: Tensor, squared_P: Tensor, queries: int, count: int
) -> tuple[Tensor, Tensor]:
    """Candidate and squared distance (Q, K) of each query's K nearest pairs, ties in
    the order of the pairs."""
    order_P = squared_P.argsort(stable=True)
    order_P = order_P[query_P[order_P].argsort(stable=True)]
    query_P = query_P[order_P]
    per_Q = query_P.bincount(minlength=queries)
    rank_P = (
        torch.arange(len(query_P), device=query_P.device)
        - (per_Q.cumsum(0) - per_Q)[query_P]
    )
    kept_P = rank_P < count
    place, source_P = (query_P[kept_P], rank_P[kept_P]), order_P[kept_P]
    index_QK = candidate_P.new_full((queries, count), -1)
    squared_QK = squared_P.new_full((queries, count), torch.inf)
    index_QK[place], squared_QK[place] = candidate_P[source_P], squared_P[source_P]
    return index_QK, squared_QK


def _runs(owner: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Each member with its queries, which stand side by side."""
    start = 0
    for member, queries in groupby(owner):
        end = start + len(list(queries))
        yield member, slice(start, end)
        start = end


def distance_quantile(
    search: Neighbours, rows: int, quantile: float, sample: int
) -> float:
    """The quantile of distances to the nearest other candidate, for a sample of the
    first `rows` candidates.

    Which rows these are depends on `rows` alone: every member measures the same
    distance.
    """
    chosen = torch.randperm(rows, generator=generator("selection/distance", 0, 0))[
        :sample
    ]
    found = search.nearest(
        {0: Query(search.points(chosen), 1, chosen[:, None].tolist())}
    )
    return float(np.quantile(found[0].distance.cpu().numpy(), quantile))
