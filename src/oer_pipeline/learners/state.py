"""Everything of a training that updates change: networks, targets, optimisers, random
generators, and how many updates there were.

Shapes: M members, F = J M folded members (J tasks learned at once, task by task).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from oer_pipeline.learners.context import TaskContext
from oer_pipeline.networks.flat import Adam, FlatParameters
from oer_pipeline.networks.randomness import generators
from oer_pipeline.networks.stacked import Parameters


@dataclass(frozen=True)
class Networks:
    """What a learner trains.

    Args:
        trained: parameters, (M, ...) each, of every network by its name.
        fixed: what these use but do not train, stored with what is deployed.
    """

    trained: Mapping[str, Parameters]
    fixed: Parameters = field(default_factory=dict)


class TrainingState:
    """At the start of a task; critics start afresh, targets as copies.

    - `networks`, `optimisers`: those that the learner trains, by name; `fixed` as in
      `Networks`.
    - `critic`: twins of F folded members, side by side; `critic_optimiser`.
    - `target_policy` (of the network that learns the task), `target_critic`.
    - `generators`: `batch` and `target_noise`, F each, and `replay`, M.
    - `updates`: how many are done.
    """

    def __init__(
        self,
        context: TaskContext,
        networks: Networks,
        learning: str,
    ) -> None:
        rate = context.settings.learning_rate
        self.networks: dict[str, FlatParameters] = {}
        self.optimisers: dict[str, Adam] = {}
        for name, parameters in networks.trained.items():
            self.networks[name] = FlatParameters(parameters)
            self.optimisers[name] = Adam(self.networks[name], rate)
        self.fixed = networks.fixed
        self.target_policy = self.networks[learning].copy()
        self.critic = FlatParameters(context.new_values("critic", 2))
        self.target_critic = self.critic.copy()
        self.critic_optimiser = Adam(self.critic, rate)
        self.generators = {
            "batch": _of_all_tasks("batch", context),
            "target_noise": _of_all_tasks("target_noise", context),
            "replay": generators(
                "replay",
                context.seeds,
                context.task,
                context.device,
            ),
        }
        self.updates = 0
        self.counts = True
        """Whether an update has a number; one that is captured is any."""

    def parameters(self, network: str) -> Parameters:
        """A network's parameters, those included that are not trained."""
        return {**self.fixed, **self.networks[network].views}

    @contextmanager
    def without_number(self) -> Iterator[None]:
        """A context in which nobody may ask which update it is."""
        self.counts = False
        try:
            yield
        finally:
            self.counts = True


def _of_all_tasks(purpose: str, context: TaskContext) -> list[torch.Generator]:
    draws = []
    for task in context.tasks:
        draws += generators(
            purpose,
            context.seeds,
            task,
            context.device,
        )
    return draws
