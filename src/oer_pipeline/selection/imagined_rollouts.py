"""Imagined roll-outs *(ours)*: walk first, choose afterwards.

MBES stores every row that it comes to, so a small buffer is full before any roll-out
has gone far, and snapping after every step loses slow changes. Here whole episodes are
rolled out in the transition model first; the nearest row of every step is noted; the
buffer is then chosen from what was noted, so that it holds early and late steps alike.
Shapes: N rows of the data, W roll-outs still going, V noted visits, M chosen rows, O
observation, D dimensions that are compared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.types import FloatArray, IntArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.selection import check_options
from oer_pipeline.selection.clusters import representatives
from oer_pipeline.selection.neighbours import NeighbourSearch, Query, distance_quantile
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import (
    Selection,
    SelectionRequest,
    Selector,
    needed,
)
from oer_pipeline.selection.space import StateSpace
from oer_pipeline.selection.stored import StoredRows, Visit

CHOICES = ("random", "clusters")
BEYOND = ("end", "snap")


@dataclass
class Visits:
    """What roll-outs noted, V entries each."""

    row: list[int] = field(default_factory=list)
    rollout: list[int] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)
    source: list[int] = field(default_factory=list)
    """The row noted one step before, -1 at a start."""
    ended: Counter[str] = field(default_factory=Counter)
    snapped: int = 0

    def note(
        self,
        row: int,
        rollout: int,
        step: int,
        distance: float,
        source: int,
    ) -> None:
        self.row.append(row)
        self.rollout.append(rollout)
        self.step.append(step)
        self.distance.append(distance)
        self.source.append(source)

    def visit(self, number: int) -> Visit:
        """As it is stored."""
        return Visit(
            self.row[number],
            self.rollout[number],
            self.step[number],
            self.distance[number],
            True,
            self.source[number],
        )


@dataclass(frozen=True)
class ImaginedRollouts(Selector):
    """Rows nearest to what pi_n visits in the transition model.

    Roll-outs start where episodes do and follow the ensemble's mean under pi_n's
    actions until the horizon, or until the nearest candidate is a state that an episode
    ended in. A prediction farther from all data than the quantile of nearest-neighbour
    distances has left them.
    """

    rollouts: int = 100
    """At most; no more than the data have episodes."""
    beyond: str = "snap"
    """A prediction that has left the data goes on at the nearest row (`snap`), or the
    roll-out ends (`end`)."""
    choice: str = "clusters"
    """Of the noted rows: `random` visits, or the rows that represent them best, one per
    cluster of visits (`clusters`)."""
    distance_quantile: float = 0.99
    distance_sample: int = 2_000
    """Rows whose nearest-neighbour distances are measured."""

    def __post_init__(self) -> None:
        """Refuse what cannot be walked.

        Raises:
            ConfigurationError: names the option, its value and what it takes.
        """
        check_options.count("imagined", "rollouts", self.rollouts)
        check_options.one_of("imagined", "beyond", self.beyond, BEYOND)
        check_options.one_of("imagined", "choice", self.choice, CHOICES)
        check_options.fraction("imagined", "distance_quantile", self.distance_quantile)
        check_options.count("imagined", "distance_sample", self.distance_sample)

    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows: noted ones, and uniform ones if fewer
        were noted.

        Raises:
            ConfigurationError: the request has no transition model.
            DataError: actions or predictions of the wrong shape, or that are not
                finite.
        """
        model = needed(request.model, "imagined", "a transition model")
        (request,), rows = in_content_order([request])
        observation = torch.from_numpy(request.data.observation).to(request.device)
        space = StateSpace.of_data(observation, columns=request.distance_dimensions)
        visits = self._roll_out(request, model, space, observation)
        stored = StoredRows(request.size, len(request.data))
        for number in self._order(request, space.points(observation), visits):
            stored.add(visits.visit(number))
        noted = request.size - stored.missing
        stored.fill(request.generator)
        chosen, record = stored.record(_uncertainty_at(request, model))
        notes: dict[str, Any] = {
            "visits": len(visits.row),
            "distinct_rows": len(set(visits.row)),
            "ended_by": dict(sorted(visits.ended.items())),
            "snapped": visits.snapped,
            "filled": request.size - noted,
        }
        return Selection(rows[chosen], record, notes)

    def _roll_out(
        self,
        request: SelectionRequest,
        model: TransitionModel,
        space: StateSpace,
        observation: Tensor,
    ) -> Visits:
        """Whole episodes in the model, side by side."""
        data = request.data
        terminal = torch.from_numpy(data.next_observation[data.terminal & data.known])
        candidates = torch.cat((observation, terminal.to(request.device)))
        search = NeighbourSearch(space.points(candidates))
        limit = distance_quantile(
            search,
            len(data),
            self.distance_quantile,
            self.distance_sample,
        )
        visits = Visits()
        row_W = _starts(request, self.rollouts)
        rollout_W = np.arange(len(row_W))
        for rollout, row in enumerate(row_W.tolist()):
            visits.note(row, rollout, 0, 0.0, -1)
        state_WO = observation[torch.from_numpy(row_W)]
        for step in range(1, request.horizon):
            if not len(row_W):
                break
            state_WO = _next(request, model, state_WO, row_W)
            found = search.nearest({0: Query(space.points(state_WO))})[0]
            nearest_W = found.index[:, 0].cpu().numpy()
            distance_W = found.distance[:, 0].cpu().numpy()
            has_left_W = distance_W > limit
            goes_on_W = nearest_W < len(data)
            visits.ended["terminal"] += int((~goes_on_W).sum())
            if self.beyond == "end":
                visits.ended["limit"] += int((goes_on_W & has_left_W).sum())
                goes_on_W &= ~has_left_W
            else:
                snapped_W = goes_on_W & has_left_W
                visits.snapped += int(snapped_W.sum())
                state_WO = state_WO.clone()
                state_WO[snapped_W] = observation[nearest_W[snapped_W]]
            for walker in np.flatnonzero(goes_on_W).tolist():
                visits.note(
                    int(nearest_W[walker]),
                    int(rollout_W[walker]),
                    step,
                    float(distance_W[walker]),
                    int(row_W[walker]),
                )
            state_WO = state_WO[torch.from_numpy(goes_on_W)]
            row_W = nearest_W[goes_on_W]
            rollout_W = rollout_W[goes_on_W]
        visits.ended["horizon"] += len(row_W)
        return visits

    def _order(
        self,
        request: SelectionRequest,
        points_ND: Tensor,
        visits: Visits,
    ) -> list[int]:
        """Numbers of visits in the order in which the buffer takes them."""
        shuffled = torch.randperm(len(visits.row), generator=request.generator)
        if self.choice == "random":
            return shuffled.tolist()
        row_V = torch.tensor(visits.row)[shuffled]
        places = representatives(points_ND[row_V], row_V, request.size)
        rest = shuffled.tolist()
        return shuffled[places].tolist() + rest


def _starts(request: SelectionRequest, most: int) -> IntArray:
    """First rows of episodes, drawn without replacement."""
    starts = request.data.starts
    order = torch.randperm(len(starts), generator=request.generator)[:most]
    return np.asarray(starts[order.numpy()], dtype=np.int64)


def _next(
    request: SelectionRequest,
    model: TransitionModel,
    state_WO: Tensor,
    row_W: IntArray,
) -> Tensor:
    """The ensemble's mean next observations (W, O) under pi_n."""
    action = request.actions(state_WO.cpu().numpy(), row_W)
    return model.mean_next(state_WO, torch.from_numpy(action).to(state_WO.device))


def _uncertainty_at(request: SelectionRequest, model: TransitionModel) -> Any:
    """u(s, pi_n(s)) (B,) at rows of the data."""

    def uncertainty(rows: list[int]) -> FloatArray:
        observation = request.data.observation[rows]
        action = request.actions(observation, np.asarray(rows))
        s = torch.from_numpy(observation).to(request.device)
        a = torch.from_numpy(action).to(request.device)
        return np.asarray(model.uncertainty(s, a).cpu().numpy())

    return uncertainty
