"""Policies of all seeds, from and to what Kedro's datasets hold of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oer_pipeline.common.types import Weights
from oer_pipeline.learners.policies import Policies


def policies_by_seed(
    weights_by_seed: Mapping[int, Weights], seeds: Sequence[int]
) -> dict[int, Policies]:
    """Each seed's policies alone.

    Args:
        weights_by_seed: seed -> tensors and header.
        seeds: that are wanted.
    """
    return {seed: Policies.from_tensors(*weights_by_seed[seed]) for seed in seeds}


def stacked_policies(
    weights_by_seed: Mapping[int, Weights], seeds: Sequence[int]
) -> Policies:
    """All seeds' policies, a member per seed in the order of `seeds`."""
    return Policies.stack(list(policies_by_seed(weights_by_seed, seeds).values()))


def weights_by_seed(
    policies: Policies, seeds: Sequence[int], **about: Any
) -> dict[int, Weights]:
    """Each member's tensors and its header.

    Args:
        policies: of all members.
        seeds: theirs, in the same order.
        about: what else each header says.
    """
    found = {}
    for member, seed in enumerate(seeds):
        own = policies.member(member)
        found[seed] = (own.tensors(), {**own.header(), **about})
    return found
