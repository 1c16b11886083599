"""What a selector may ask of the policies of several seeds, one request each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.types import FloatArray
from oer_pipeline.networks.randomness import generator
from oer_pipeline.selection.protocol import SelectionRequest

if TYPE_CHECKING:
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.trajectories.table import Trajectories


def requests_of(
    policies: Mapping[int, Policies],
    data: Trajectories,
    size: int,
    model: TransitionModel | None,
    facts: Mapping[str, Any],
    task: int,
    discount: float,
    visits: Mapping[int, FloatArray] | None = None,
) -> dict[int, SelectionRequest]:
    """Seed -> its request for `size` rows of `data`; draws are a function of (seed,
    task).

    `facts` are the suite's `horizon` and `distance_dimensions`; `visits` (V, O) a seed
    serve selectors that look into the environment.
    """
    return {
        seed: SelectionRequest(
            data=data,
            size=size,
            act=own.act_as_learned,
            model=model,
            distance_dimensions=tuple(facts["distance_dimensions"]),
            generator=generator("selection", seed, task),
            horizon=facts["horizon"],
            critic=own.values_as_learned,
            discount=discount,
            features={"policy": own.policy_features, "critic": own.critic_features},
            visits=None if visits is None else (lambda states=visits[seed]: states),  # type: ignore[misc]
        )
        for seed, own in policies.items()
    }
