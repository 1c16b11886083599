"""Spread: what has the fewest neighbours among what is kept (Isele & Cosgun 2018).

Neighbours are counted in the buffer, as there, not in D_n: what has few of them in D_n
is an outlier, and outliers alone cover little. It also takes M passes over the data
instead of N. Shapes: N rows of the data, E episodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from oer_pipeline.common import checks
from oer_pipeline.common.types import IntArray
from oer_pipeline.selection import episodes
from oer_pipeline.selection.neighbours import NeighbourSearch, distance_quantile
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector
from oer_pipeline.selection.scores import FORMS
from oer_pipeline.selection.space import StateSpace
from oer_pipeline.trajectories.table import Trajectories

SAMPLE = 2_000
"""Rows whose nearest-neighbour distances are measured."""
TIE = 1e-6
"""Less than any two numbers of neighbours, or their means over an episode, can differ
by."""


@dataclass(frozen=True)
class Coverage(Selector):
    """One by one, what has the fewest neighbours in the buffer; the generator settles
    ties (method, section 6)."""

    per: str = "transition"
    """`transition`, or whole episodes by their mean number of neighbours, the last one
    cut."""
    radius_quantile: float = 0.99
    """A neighbour is no farther than this quantile of nearest-neighbour distances in
    the data."""

    def __post_init__(self) -> None:
        """Refuse options out of range.

        Raises:
            ConfigurationError: names the option, its value and what it takes.
        """
        checks.known("coverage: per", self.per, FORMS)
        checks.between("coverage: radius_quantile", self.radius_quantile, 0.0, 1.0)

    def select(self, request: SelectionRequest) -> Selection:
        (request,), rows = in_content_order([request])
        data = request.data
        observation = torch.from_numpy(data.observation).to(request.device)
        space = StateSpace.of_data(observation, request.distance_dimensions)
        search = NeighbourSearch(space.points(observation))
        radius = distance_quantile(
            search,
            len(data),
            self.radius_quantile,
            SAMPLE,
        )
        counts = _NeighbourCounts(search, radius, len(data))
        choose = _transitions if self.per == "transition" else _episodes
        chosen = choose(
            data,
            request.size,
            counts,
            request.generator,
        )
        return Selection.unwalked(rows[chosen])


class _NeighbourCounts:
    """Of every row, how many of those kept are its neighbours."""

    def __init__(
        self,
        search: NeighbourSearch,
        radius: float,
        rows: int,
    ) -> None:
        self._search = search
        self._radius = radius
        self.of_N = np.zeros(rows)

    def keep(self, rows: Iterable[int]) -> None:
        for row in rows:
            [point_D] = self._search.points([row])
            near = self._search.within(point_D, self._radius)
            self.of_N[near.cpu().numpy()] += 1.0


def _transitions(
    data: Trajectories,
    size: int,
    counts: _NeighbourCounts,
    draws: torch.Generator,
) -> IntArray:
    """The chosen rows (M,)."""
    counts.of_N += TIE * torch.rand(len(data), generator=draws).numpy()
    chosen: list[int] = []
    while len(chosen) < size:
        row = int(counts.of_N.argmin())
        chosen.append(row)
        counts.keep([row])
        counts.of_N[row] = np.inf
    return np.array(chosen)


def _episodes(
    data: Trajectories,
    size: int,
    counts: _NeighbourCounts,
    draws: torch.Generator,
) -> IntArray:
    """The rows (M,) of the chosen episodes."""
    tie_E = TIE * torch.rand(len(data.starts), generator=draws).numpy()
    chosen: list[int] = []
    rows = episodes.rows_of(data, chosen, size)
    while len(rows) < size:
        mean_E = episodes.means(data, counts.of_N) + tie_E
        mean_E[chosen] = np.inf
        chosen.append(int(mean_E.argmin()))
        kept = len(rows)
        rows = episodes.rows_of(data, chosen, size)
        counts.keep(rows[kept:].tolist())
    return rows
