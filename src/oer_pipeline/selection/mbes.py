"""Model-based experience selection (MBES): choose the transitions that the learned
policy would visit.

Gai et al. 2023; method, section 5: walkers roll the policy out in the transition model,
and after every step the walk returns to a real sample, whose transition is stored.
walk.py has what both forms share, snapping.py the default form, gated.py the gated one.
Shapes: N rows of the data, O observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import torch

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.selection.gated import GatedWalk
from oer_pipeline.selection.lockstep import run_in_lockstep
from oer_pipeline.selection.mbes_options import MBESOptions
from oer_pipeline.selection.neighbours import NeighbourSearch, distance_quantile
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import (
    Selection,
    SelectionRequest,
    Selector,
    needed,
)
from oer_pipeline.selection.snapping import SnappingWalk
from oer_pipeline.selection.space import StateSpace, network
from oer_pipeline.selection.walk import Walk, World

WALKS: dict[str, type[Walk]] = {"default": SnappingWalk, "gated": GatedWalk}


@dataclass(frozen=True)
class MBES(MBESOptions, Selector):
    """OER's selector."""

    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows: walked to, and uniform ones once
        as many roll-outs in a row as the data have episodes have stored nothing new.

        Raises:
            ConfigurationError: the request lacks what the options need: a transition
                model, features, a dimension.
            DataError: actions, features or predictions of the wrong shape, or that are
                not finite.
        """
        return self.select_all([request])[0]

    def select_all(self, requests: Sequence[SelectionRequest]) -> list[Selection]:
        """As `select`; requests for the same data and model walk in lock step.

        In a space of features they walk one after another: each member's features make
        a table of their own.
        """
        shared = self.space == "observation" and _about_the_same(requests)
        if len(requests) != 1 and not shared:
            return super().select_all(requests)
        for request in requests:
            needed(request.model, "mbes", "a transition model")
        ordered, rows = in_content_order(requests)
        world = self._world(ordered)
        walks = []
        for member, request in enumerate(ordered):
            walk = WALKS[self.form](
                options=self,
                world=world,
                request=request,
                member=member,
            )
            walks.append(walk.run())
        selections = []
        for chosen in run_in_lockstep(walks, world.search):
            original = rows[chosen.rows]
            selections.append(Selection(original, chosen.record, chosen.notes))
        return selections

    def _world(self, requests: Sequence[SelectionRequest]) -> World:
        """The candidates (method, section 5, step 3) and where they are compared."""
        first = requests[0]
        data = first.data
        model = needed(first.model, "mbes", "a transition model")
        observation = torch.from_numpy(data.observation).to(first.device)
        space = self._space(first, observation)
        candidates = observation
        if self.form == "default":
            candidates = first.candidates()
        search = NeighbourSearch(space.points(candidates), members=len(requests))
        return World(
            model=model,
            space=space,
            search=search,
            distance_limit=self._distance_limit(search, len(data)),
        )

    def _space(
        self,
        request: SelectionRequest,
        observation: torch.Tensor,
    ) -> StateSpace:
        if self.space != "observation":
            what = f"features[{self.space!r}] for space {self.space}"
            features = needed(request.features.get(self.space), "mbes", what)
            return StateSpace.of_data(observation, embed=network(features))
        columns = request.distance_dimensions
        if self.dimensions is not None:
            columns = tuple(self.dimensions)
        last = observation.shape[1] - 1
        if max(columns) > last:
            raise ConfigurationError(
                f"mbes: dimensions is {list(columns)}; choose from 0 to {last}"
            )
        return StateSpace.of_data(observation, columns)

    def _distance_limit(
        self,
        search: NeighbourSearch,
        rows: int,
    ) -> float:
        """Beyond it a prediction has left the data (method, section 5, step 5)."""
        if self.distance_quantile is None or self.form == "gated":
            return inf
        return distance_quantile(
            search,
            rows,
            self.distance_quantile,
            self.distance_sample,
        )


def _about_the_same(requests: Sequence[SelectionRequest]) -> bool:
    """Whether all requests have the same data and model, and measure distances
    alike."""
    subjects = set()
    for request in requests:
        subject = (id(request.data), id(request.model), request.distance_dimensions)
        subjects.add(subject)
    return len(subjects) == 1
