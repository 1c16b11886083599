"""What a selector may ask of the policies of several seeds, one request each.

Shapes: B batch, O observation, A action, F features, V visited states.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.networks.randomness import generator
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.trajectories.table import Trajectories


class LearnedPolicy(Protocol):
    """What selectors ask of one seed's policy of the task just learned, and of its
    critic; `learners.policies.Policies` has it."""

    def act_as_learned(self, observation: FloatArray, /) -> FloatArray:
        """Actions (B, A) at raw observations (B, O)."""

    def values_as_learned(
        self, observation: FloatArray, action: FloatArray, /
    ) -> FloatArray:
        """The critic's values (B,) at (B, O) and (B, A)."""

    def policy_features(self, observation: FloatArray, /) -> FloatArray:
        """Of the policy's trunk, (B, F)."""

    def critic_features(self, observation: FloatArray, /) -> FloatArray:
        """Of the critic at the policy's action, (B, F)."""


def requests_of(
    policies: Mapping[int, LearnedPolicy],
    data: Trajectories,
    size: int,
    model: TransitionModel | None,
    facts: Mapping[str, Any],
    task: int,
    discount: float,
    visits: Mapping[int, FloatArray] | None = None,
) -> dict[int, SelectionRequest]:
    """Seed -> its request; draws are a function of (seed, task).

    Args:
        policies: of each seed.
        data: to choose from.
        size: of each buffer.
        model: of the task, for selectors that ask for one.
        facts: the suite's `horizon` and `distance_dimensions`.
        task: its number, from 1.
        discount: that the critics were trained with.
        visits: of each seed (V, O), for selectors that look into the environment.
    """
    requests = {}
    for seed, policy in policies.items():
        look = None if visits is None else partial(visits.__getitem__, seed)
        requests[seed] = SelectionRequest(
            data=data,
            size=size,
            act=policy.act_as_learned,
            model=model,
            distance_dimensions=tuple(facts["distance_dimensions"]),
            generator=generator("selection", seed, task),
            horizon=facts["horizon"],
            critic=policy.values_as_learned,
            discount=discount,
            features={
                "policy": policy.policy_features,
                "critic": policy.critic_features,
            },
            visits=look,
        )
    return requests
