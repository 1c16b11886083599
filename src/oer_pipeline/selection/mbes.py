"""Model-based experience selection (MBES): choose the transitions that the learned
policy would visit.

Gai et al. 2023; method, section 5: walkers roll the policy out in the transition model,
and after every step the walk returns to a real sample, whose transition is stored.
snapping.py and gated.py hold the two forms. Shapes: N rows, R requests, O observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import torch

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.selection import checks
from oer_pipeline.selection.gated import GatedWalk
from oer_pipeline.selection.lockstep import together
from oer_pipeline.selection.neighbours import Neighbours, distance_quantile
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import (
    Selection,
    SelectionRequest,
    Selector,
    needed,
)
from oer_pipeline.selection.snapping import SnappingWalk
from oer_pipeline.selection.space import Embed, Space, network, raw
from oer_pipeline.selection.walk import Walk, World

FORMS: dict[str, type[Walk]] = {"default": SnappingWalk, "gated": GatedWalk}
REVISITS = ("never", "rollout", "any")
PREDICTIONS = ("sample", "mean_of_member", "mean")
SPACES = ("observation", "policy", "critic")


@dataclass(frozen=True)
class MBES(Selector):
    """OER's selector."""

    form: str = "default"
    revisit: str = "never"
    """Samples that a step may not lead to: `never` those in B_n, `rollout` those of its
    own roll-out, `any` none."""
    space: str = "observation"
    """Where distances are measured: `observation`, or features of the `policy`'s trunk
    or of the `critic`."""
    dimensions: Sequence[int] | None = None
    """Of the observation, to measure distances on; None: the suite's
    distance_dimensions."""
    walkers: int = 10
    prediction: str = "sample"
    """`sample` of a uniformly drawn member, that member's mean (`mean_of_member`), or
    the ensemble's (`mean`)."""
    distance_quantile: float | None = 0.99
    """Of nearest-neighbour distances in the data: farther, a prediction has left them
    (default form). None: never."""
    distance_sample: int = 2_000
    """Rows whose nearest-neighbour distances are measured."""
    gate: float = 2.0
    """c of the gated form."""
    neighbours: int = 64
    """K of the gated form."""

    def __post_init__(self) -> None:
        """Refuse what cannot be walked.

        Raises:
            ConfigurationError: names the option, its value and what it takes.
        """
        known = {
            "form": FORMS,
            "revisit": REVISITS,
            "prediction": PREDICTIONS,
            "space": SPACES,
        }
        for option, names in known.items():
            checks.one_of("mbes", option, getattr(self, option), names)
        checks.count("mbes", "walkers", self.walkers, 10_000)
        checks.count("mbes", "distance_sample", self.distance_sample)
        checks.count("mbes", "neighbours", self.neighbours, 10_000)
        if self.distance_quantile is not None:
            checks.fraction("mbes", "distance_quantile", self.distance_quantile)
        checks.positive("mbes", "gate", self.gate)
        if self.dimensions is not None:
            self._check_dimensions(self.dimensions)

    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows: walked to, and uniform ones once a
        whole round finds nothing new.

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
        if len(requests) != 1 and (
            self.space != "observation" or not _shared(requests)
        ):
            return super().select_all(requests)
        for request in requests:
            needed(request.model, "mbes", "a transition model")
        ordered, rows = in_content_order(requests)
        world = self._world(ordered)
        walks = [
            FORMS[self.form](self, world, request, member)
            for member, request in enumerate(ordered)
        ]
        chosen = together([walk.run() for walk in walks], world.search)
        return [Selection(rows[c.rows], c.record, c.notes) for c in chosen]

    def _world(self, requests: Sequence[SelectionRequest]) -> World:
        first = requests[0]
        data, model = first.data, needed(first.model, "mbes", "a transition model")
        observation = torch.from_numpy(data.observation).to(first.device)
        space = Space.of(observation, *self._embedding(first))
        # A roll-out at an episode's last row whose end nobody knows cannot go on to it:
        # it goes on at the nearest candidate that there is, or ends at the distance
        # limit.
        ends = torch.from_numpy(data.next_observation[data.terminal & data.known]).to(
            first.device
        )
        candidates = (
            observation if self.form == "gated" else torch.cat((observation, ends))
        )
        search = Neighbours(space(candidates), members=len(requests))
        return World(model, space, search, self._limit(search, len(data)))

    def _embedding(
        self, request: SelectionRequest
    ) -> tuple[Embed, Sequence[int] | None]:
        if self.space != "observation":
            what = f"features[{self.space!r}] for space {self.space}"
            return network(needed(request.features.get(self.space), "mbes", what)), None
        chosen = (
            request.distance_dimensions if self.dimensions is None else self.dimensions
        )
        observations = request.data.observation.shape[1]
        if max(chosen) >= observations:
            raise ConfigurationError(
                f"mbes: dimensions is {list(chosen)}; choose from 0 to"
                f" {observations - 1}"
            )
        return raw, tuple(chosen)

    def _limit(self, search: Neighbours, rows: int) -> float:
        if self.distance_quantile is None or self.form == "gated":
            return inf
        return distance_quantile(
            search, rows, self.distance_quantile, self.distance_sample
        )

    def _check_dimensions(self, dimensions: Sequence[int]) -> None:
        """Raise a ConfigurationError unless it is a list of dimensions, for distances
        between observations."""
        listed = isinstance(dimensions, list | tuple) and len(dimensions) > 0
        if not listed or any(
            not isinstance(d, int) or isinstance(d, bool) or d < 0 for d in dimensions
        ):
            raise ConfigurationError(
                f"mbes: dimensions is {dimensions!r}; it takes a list such as [0, 1,"
                " 2], or null"
            )
        if self.space != "observation":
            raise ConfigurationError(
                f"mbes: dimensions is {dimensions!r}, but space is {self.space!r};"
                " leave one out"
            )


def _shared(requests: Sequence[SelectionRequest]) -> bool:
    """Whether all requests are about the same data and model, and measure distances
    alike."""
    return (
        len({(id(r.data), id(r.model), r.distance_dimensions) for r in requests}) == 1
    )
