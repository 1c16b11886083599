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
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common import checks
from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.selection.check_request import check_finite
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


@dataclass(frozen=True)
class RollOuts:
    """Those under way: where each is in the model, and the candidate nearest to it."""

    number: IntArray  # (W,)
    state: Tensor  # (W, O)
    row: IntArray  # (W,)
    """Of the data; beyond them, a terminal state."""
    distance: FloatArray  # (W,)
    """From the state to the row."""
    source: IntArray  # (W,)
    """The row one step before, -1 at a start."""

    def of(self, chosen_W: BoolArray) -> RollOuts:
        """Some of them."""
        return RollOuts(
            self.number[chosen_W],
            self.state[torch.from_numpy(chosen_W)],
            self.row[chosen_W],
            self.distance[chosen_W],
            self.source[chosen_W],
        )


@dataclass
class Visits:
    """What roll-outs noted, V entries."""

    noted: list[Visit] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    snapped: int = 0

    @property
    def rows(self) -> list[int]:
        """Of the data, (V,)."""
        return [visit.row for visit in self.noted]

    def note(self, going: RollOuts, step: int) -> None:
        """Where every roll-out is.

        Args:
            going: roll-outs that go on.
            step: model steps since they started.
        """
        columns = (going.row, going.number, going.distance, going.source)
        for row, number, distance, source in zip(*columns, strict=True):
            visit = Visit(
                row=int(row),
                rollout=int(number),
                step=step,
                distance=float(distance),
                walked=True,
                source=int(source),
            )
            self.noted.append(visit)


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
        checks.whole("imagined: rollouts", self.rollouts, 1, checks.MOST_ROWS)
        checks.known("imagined: beyond", self.beyond, BEYOND)
        checks.known("imagined: choice", self.choice, CHOICES)
        checks.between("imagined: distance_quantile", self.distance_quantile, 0.0, 1.0)
        checks.whole(
            "imagined: distance_sample", self.distance_sample, 1, checks.MOST_ROWS
        )

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
            stored.add(visits.noted[number])
        noted = request.size - stored.missing
        stored.fill(request.generator)
        chosen, record = stored.record(_uncertainty_at(request, model))
        notes: dict[str, Any] = {
            "visits": len(visits.noted),
            "distinct_rows": len(set(visits.rows)),
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
        search = NeighbourSearch(space.points(request.candidates()))
        limit = distance_quantile(
            search,
            len(data),
            self.distance_quantile,
            self.distance_sample,
        )
        visits = Visits()
        going = _start(request, observation, self.rollouts)
        visits.note(going, step=0)
        for step in range(1, request.horizon):
            if not len(going.row):
                break
            going = _next(request, model, space, search, going)
            going = self._staying(going, limit, observation, visits)
            visits.note(going, step)
        visits.ended["horizon"] += len(going.row)
        return visits

    def _staying(
        self,
        going: RollOuts,
        limit: float,
        observation: Tensor,
        visits: Visits,
    ) -> RollOuts:
        """Those that go on, and where: a terminal state ends a roll-out, and one that
        has left the data ends or comes back to them; without any neighbour (-1) it is
        too far to come back."""
        is_terminal_W = going.row >= len(observation)
        is_nowhere_W = going.row < 0
        visits.ended["terminal"] += int(is_terminal_W.sum())
        if is_nowhere_W.any():
            visits.ended["limit"] += int(is_nowhere_W.sum())
        goes_on_W = ~(is_terminal_W | is_nowhere_W)
        has_left_W = goes_on_W & (going.distance > limit)
        if self.beyond == "end":
            visits.ended["limit"] += int(has_left_W.sum())
            return going.of(goes_on_W & ~has_left_W)
        visits.snapped += int(has_left_W.sum())
        state_WO = going.state.clone()
        state_WO[has_left_W] = observation[going.row[has_left_W]]
        return replace(going, state=state_WO).of(goes_on_W)

    def _order(
        self,
        request: SelectionRequest,
        points_ND: Tensor,
        visits: Visits,
    ) -> list[int]:
        """Numbers of visits in the order in which the buffer takes them."""
        shuffled = torch.randperm(len(visits.noted), generator=request.generator)
        if self.choice == "random":
            return shuffled.tolist()
        row_V = torch.tensor(visits.rows)[shuffled]
        places = representatives(points_ND[row_V], row_V, request.size)
        return shuffled[places].tolist() + shuffled.tolist()


def _start(request: SelectionRequest, observation: Tensor, most: int) -> RollOuts:
    """At first rows of episodes, drawn without replacement."""
    starts = request.data.starts
    order = torch.randperm(len(starts), generator=request.generator)[:most]
    row_W = np.asarray(starts[order.numpy()], dtype=np.int64)
    return RollOuts(
        number=np.arange(len(row_W)),
        state=observation[torch.from_numpy(row_W)],
        row=row_W,
        distance=np.zeros(len(row_W)),
        source=np.full(len(row_W), -1),
    )


def _next(
    request: SelectionRequest,
    model: TransitionModel,
    space: StateSpace,
    search: NeighbourSearch,
    going: RollOuts,
) -> RollOuts:
    """One step of the ensemble's mean under pi_n."""
    action = request.actions(going.state.cpu().numpy(), going.row)
    a = torch.from_numpy(action).to(going.state.device)
    state_WO = model.mean_next(going.state, a)
    predicted = state_WO.cpu().numpy()
    check_finite(
        "the transition model's prediction", predicted, request.data, going.row
    )
    found = search.nearest({0: Query(space.points(state_WO))})[0]
    return RollOuts(
        number=going.number,
        state=state_WO,
        row=found.index[:, 0].cpu().numpy(),
        distance=found.distance[:, 0].cpu().numpy(),
        source=going.row,
    )


def _uncertainty_at(
    request: SelectionRequest,
    model: TransitionModel,
) -> Callable[[list[int]], FloatArray]:
    """u(s, pi_n(s)) (B,) at rows of the data."""

    def uncertainty(rows: list[int]) -> FloatArray:
        s, a = request.state_action(rows)
        return np.asarray(model.uncertainty(s, a).cpu().numpy())

    return uncertainty
