"""The rows that represent a set of visited points best: one per cluster (Lloyd's
k-means, 1982), the row nearest to its centre.

Sums add in float64 and in one order, and the nearest are found exactly, so that the
choice does not depend on the device. Shapes: V points, R rows visited, K clusters, D
dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from oer_pipeline.selection.neighbours import NeighbourSearch, Query

ITERATIONS = 10


def representatives(
    points_VD: Tensor,
    row_V: Tensor,
    count: int,
) -> Tensor:
    """Places in V (K,) int64 of visits to distinct rows, largest cluster first.

    Args:
        points_VD: visited, in an order drawn at random: the first ones begin.
        row_V: the row of each; a row visited often weighs as much.
        count: of clusters; all rows if there are no more.
    """
    first_V = _first_visits(row_V)
    if len(first_V) <= count:
        return first_V
    begin_K = first_V[:count]
    centre_KD = points_VD[begin_K].double()
    cluster_V = _nearest(points_VD, centre_KD)
    for _ in range(ITERATIONS):
        centre_KD = _means(points_VD, cluster_V, centre_KD)
        cluster_V = _nearest(points_VD, centre_KD)
    size_K = cluster_V.bincount(minlength=count)
    largest_first_K = size_K.argsort(descending=True, stable=True)
    centre_KD = centre_KD[largest_first_K]
    return _one_each(points_VD, first_V, centre_KD)


def _first_visits(row_V: Tensor) -> Tensor:
    """The place of the first visit to every row, in the order of the visits."""
    _, row_number_V = torch.unique(row_V, return_inverse=True)
    visits = len(row_V)
    rows = int(row_number_V.max()) + 1
    place_V = torch.arange(visits)
    first_R = torch.full((rows,), visits)
    first_R.scatter_reduce_(
        0,
        row_number_V,
        place_V,
        "amin",
    )
    return first_R.sort().values


def _nearest(points_VD: Tensor, centre_KD: Tensor) -> Tensor:
    """The cluster (V,) of every point."""
    search = NeighbourSearch(centre_KD)
    query = Query(points_VD.double())
    found = search.nearest({0: query})[0]
    index_V1 = found.index
    return index_V1[:, 0].cpu()


def _means(
    points_VD: Tensor,
    cluster_V: Tensor,
    centre_KD: Tensor,
) -> Tensor:
    """The mean of each cluster; an empty one stays where it is."""
    total_KD = torch.zeros(centre_KD.shape, dtype=torch.float64)
    wide_VD = points_VD.double().cpu()
    total_KD.index_add_(0, cluster_V, wide_VD)
    size_K = cluster_V.bincount(minlength=len(centre_KD))
    size_K1 = size_K.double()[:, None]
    mean_KD = total_KD / size_K1.clamp(min=1.0)
    has_points_K1 = size_K1 > 0.0
    return torch.where(
        has_points_K1.to(centre_KD.device),
        mean_KD.to(centre_KD.device),
        centre_KD,
    )


def _one_each(
    points_VD: Tensor,
    first_V: Tensor,
    centre_KD: Tensor,
) -> Tensor:
    """For every centre in turn the nearest visited row that is left, as the place of
    its first visit."""
    visited_RD = points_VD[first_V]
    search = NeighbourSearch(visited_RD.double())
    chosen = []
    for centre_D in centre_KD:
        query = Query(centre_D[None])
        found = search.nearest({0: query})[0]
        number = int(found.index)
        search.close(number)
        place = int(first_V[number])
        chosen.append(place)
    return torch.tensor(chosen)
