"""Nodes of the evaluation pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from oer_pipeline.trajectories.buffer import ReplayBuffer
    from oer_pipeline.trajectories.table import Trajectories

    Weights = tuple[dict[str, Tensor], dict[str, Any]]


def visit(
    policies_by_seed: dict[int, Weights], task: dict[str, Any], evaluation: dict[str, Any], head: int, seeds: list[int]
) -> dict[int, Trajectories]:
    """What each seed's deployed policy, after the last task, does on one task: its trajectories."""
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.suites.evaluation import evaluate
    from oer_pipeline.suites.suite import Task
    from oer_pipeline.trajectories.collect import from_episodes

    policies = Policies.stack([Policies.from_tensors(*policies_by_seed[s]) for s in seeds])
    target = Task(**task)
    [by_member] = evaluate(
        [target],
        lambda _, observation: policies.deployed_action(head, observation),
        len(seeds),
        evaluation["episodes"],
        "visits",
    )
    metadata = {"suite": target.suite, "task": target.index, "kind": "visits of the deployed policy"}
    return {s: from_episodes(e, metadata, target.horizon) for s, e in zip(seeds, by_member, strict=True)}


def compare_buffer_with_visits(
    data: Trajectories,
    buffer_by_seed: dict[int, ReplayBuffer],
    visits_by_seed: dict[int, Trajectories],
    facts: dict[str, Any],
    seeds: list[int],
) -> dict[int, dict[str, float]]:
    """Buffer fidelity of one task, both ways, per seed."""
    from dataclasses import asdict

    from oer_pipeline.metrics.fidelity import buffer_fidelity
    from oer_pipeline.networks.policy import Standardiser

    scale = Standardiser.of(data.observation)
    dimensions = facts["distance_dimensions"]
    return {
        seed: asdict(
            buffer_fidelity(
                visits_by_seed[seed].observation, buffer_by_seed[seed].observation, scale.mean, scale.std, dimensions
            )
        )
        for seed in seeds
    }
