"""Model-based experience selection (MBES): choose the transitions that the learned policy would visit.

Gai et al. 2023, in the form of method, section 5, "Selection (default)": walkers roll the policy out in the transition
model, every prediction is snapped to the nearest real sample, and the transition there is stored.
Shapes: N rows, M chosen rows, W walkers still walking, O observation, A action.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.errors import ConfigurationError, DataError
from oer_pipeline.selection.neighbours import Neighbours
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector
from oer_pipeline.types import FloatArray

PREDICTIONS = ("sample", "mean")


@dataclass(frozen=True)
class MBES(Selector):
    """OER's selector; a row enters the buffer once (`revisit: never`)."""

    walkers: int = 10
    prediction: str = "sample"
    """`sample`: drawn from a uniformly drawn member; `mean`: the ensemble's mean."""
    distance_quantile: float = 0.99
    """Of nearest-neighbour distances inside the data; a roll-out ends where nothing new is that near."""
    distance_sample: int = 2_000
    """Rows whose nearest-neighbour distances are measured."""

    def __post_init__(self) -> None:
        """Refuse what cannot be walked.

        Raises:
            ConfigurationError: a count below 1, a quantile outside 0..1, an unknown prediction.
        """
        for name in ("walkers", "distance_sample"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"mbes: {name} is {getattr(self, name)}; it must be at least 1")
        if not 0.0 <= self.distance_quantile <= 1.0:
            raise ConfigurationError(f"mbes: distance_quantile is {self.distance_quantile}; it must be between 0 and 1")
        if self.prediction not in PREDICTIONS:
            raise ConfigurationError(f"mbes: prediction is {self.prediction!r}; choose one of {', '.join(PREDICTIONS)}")

    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows: walked to, and uniform ones once a whole round finds nothing new.

        Raises:
            ConfigurationError: the request has no transition model.
            DataError: actions of the wrong shape, or actions or predictions that are not finite.
        """
        if request.model is None:
            raise ConfigurationError("mbes walks in a transition model, but the request has none; fit one first")
        walk = _Walk(self, request, request.model)
        while walk.missing:
            if walk.round() == 0:
                walk.fill()
        return walk.selection()


class _Visit(NamedTuple):
    """A stored row and how the walk came to it; the fields of a Selection's record."""

    row: int
    rollout: int = -1
    step: int = -1
    distance: float = np.nan
    uncertainty: float = np.nan
    walked: bool = False


@dataclass
class _Walker:
    rollout: int
    row: int
    step: int = 0


class _Walk:
    """The walkers, what they have stored, and the candidates that are left."""

    def __init__(self, settings: MBES, request: SelectionRequest, model: TransitionModel) -> None:
        self._settings, self._request, self._model = settings, request, model
        self._visits: list[_Visit] = []
        self._taken = np.zeros(len(request.data), dtype=bool)
        self._rollouts = 0
        data = request.data
        candidates = np.concatenate((data.observation, data.next_observation[data.terminal]))
        self._neighbours = Neighbours(candidates, data.observation, request.distance_dimensions)
        self._limit = self._distance_limit()
        self._starts = self._draw_starts()

    @property
    def missing(self) -> int:
        return self._request.size - len(self._visits)

    def round(self) -> int:
        """Walk all walkers from their starts to their ends; the number of rows that this stored."""
        before = len(self._visits)
        walkers = [self._start() for _ in range(self._settings.walkers)]
        while self.missing and (walkers := [w for w in walkers if w.step + 1 < self._request.horizon]):
            walkers = self._advance(walkers)
        return len(self._visits) - before

    def fill(self) -> None:
        """Store uniform rows until the buffer is full."""
        left = np.flatnonzero(~self._taken)
        order = torch.randperm(len(left), generator=self._request.generator)[: self.missing]
        for row in left[order.numpy()].tolist():
            self._store(_Visit(row))

    def selection(self) -> Selection:
        rows, *columns = (np.asarray(column) for column in zip(*self._visits, strict=True))
        dtypes = (np.int32, np.int32, np.float32, np.float32, np.bool_)
        record: dict[str, Any] = {n: c.astype(d) for n, c, d in zip(_Visit._fields[1:], columns, dtypes, strict=True)}
        return Selection(rows.astype(np.int64), {"order": np.arange(len(rows), dtype=np.int32), **record})

    def _draw_starts(self) -> Iterator[int]:
        """First rows of episodes, without replacement; when all were drawn, all over again in a new order."""
        starts = self._request.data.starts
        while True:
            for episode in torch.randperm(len(starts), generator=self._request.generator).tolist():
                yield int(starts[episode])

    def _distance_limit(self) -> float:
        data, settings = self._request.data, self._settings
        sample = torch.randperm(len(data), generator=self._request.generator)[: settings.distance_sample]
        _, distance = self._neighbours.nearest(data.observation[sample.numpy()], itself=sample)
        return float(np.quantile(distance.numpy(), settings.distance_quantile))

    def _start(self) -> _Walker:
        walker = _Walker(self._rollouts, next(self._starts))
        self._rollouts += 1
        self._store(_Visit(walker.row, walker.rollout, 0, 0.0, 0.0, True))
        return walker

    def _advance(self, walkers: list[_Walker]) -> list[_Walker]:
        """One step of each walker, in walker order; those that reached a stored sample."""
        predicted_WO, uncertainty_W = self._predict([w.row for w in walkers])
        nearest = [pair.tolist() for pair in self._neighbours.nearest(predicted_WO)]
        walking = []
        for w, (walker, candidate, distance) in enumerate(zip(walkers, *nearest, strict=True)):
            if 0 <= candidate < len(self._taken) and self._taken[candidate]:  # by a walker before it in this step
                candidate, distance = (pair.item() for pair in self._neighbours.nearest(predicted_WO[w : w + 1]))
            if 0 <= candidate < len(self._taken) and distance <= self._limit:
                walker.row, walker.step = candidate, walker.step + 1
                self._store(_Visit(candidate, walker.rollout, walker.step, distance, uncertainty_W[w], True))
                walking.append(walker)
        return walking

    def _store(self, visit: _Visit) -> None:
        if self.missing and not self._taken[visit.row]:
            self._visits.append(visit)
            self._taken[visit.row] = True
            self._neighbours.take(visit.row)

    def _predict(self, rows: list[int]) -> tuple[FloatArray, list[float]]:
        """Predicted next observations (W, O) under the policy, and u(s, a) (W,)."""
        observation = self._request.data.observation[rows]
        s, a = torch.from_numpy(observation), self._actions(observation)
        _check_finite("the policy's action", a, rows)
        if self._settings.prediction == "mean":
            predicted = self._model.mean_next(s, a)
        else:
            members = torch.randint(self._model.members, (len(rows),), generator=self._request.generator)
            noise = torch.randn(s.shape, generator=self._request.generator)
            predicted = self._model.sample_next(s, a, members, noise)
        _check_finite("the transition model's prediction", predicted, rows)
        return predicted.numpy(), self._model.uncertainty(s, a).tolist()

    def _actions(self, observation: FloatArray) -> Tensor:
        actions = torch.from_numpy(np.asarray(self._request.act(observation), dtype=np.float32))
        wanted = (len(observation), self._request.data.action.shape[1])
        if tuple(actions.shape) != wanted:
            raise DataError(f"the policy gave actions of shape {tuple(actions.shape)}; the data's are {wanted}")
        return actions


def _check_finite(what: str, values_WX: Tensor, rows: list[int]) -> None:
    bad = (~values_WX.isfinite().all(dim=1)).nonzero().squeeze(1).tolist()
    if bad:
        raise DataError(f"{what} at row {rows[bad[0]]} of the data is not finite: {values_WX[bad[0]].tolist()}")
