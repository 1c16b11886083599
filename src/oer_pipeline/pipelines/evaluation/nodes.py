"""Nodes of the evaluation pipeline."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from oer_pipeline.common.types import Weights
    from oer_pipeline.trajectories.buffer import ReplayBuffer
    from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)


def visit(
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    evaluation: dict[str, Any],
    head: int,
    seeds: list[int],
) -> dict[int, Trajectories]:
    """What each seed's deployed policy, after the last task, does on one task: its
    trajectories.

    Args:
        policies_by_seed: after the last task, as tensors and header.
        task: of the plan's sequence.
        evaluation: of the parameters; `episodes`: per seed.
        head: number of the task's head, from 1.
        seeds: one per member.
    """
    from functools import partial

    from oer_pipeline.pipelines.visits import visits_of
    from oer_pipeline.pipelines.weights import stacked_policies

    policies = stacked_policies(policies_by_seed, seeds)
    act = partial(policies.deployed_action, head)
    kind = "visits of the deployed policy"
    return visits_of(act, task, evaluation["episodes"], seeds, kind)


def evaluate_transfer(
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    evaluation: dict[str, Any],
    seeds: list[int],
) -> dict[int, pd.DataFrame]:
    """Every episode's return of each seed's deployed policy on a task, learned or
    not.

    Args:
        policies_by_seed: after the last task, as tensors and header.
        task: to be played.
        evaluation: of the parameters; `episodes`: per seed.
        seeds: one per member.
    """
    from oer_pipeline.metrics.episodes import episodes_on_task
    from oer_pipeline.pipelines.weights import stacked_policies
    from oer_pipeline.suites.suite import Task

    policies = stacked_policies(policies_by_seed, seeds)
    return episodes_on_task(policies, Task(**task), evaluation["episodes"], seeds)


def tabulate_transfer(
    policies_by_seed: dict[int, Weights], **returns: dict[int, pd.DataFrame]
) -> str:
    """The table of what was evaluated; it is also told to the terminal."""
    from oer_pipeline.reports.transfer_evaluation import transfer_table

    learned = next(iter(policies_by_seed.values()))[1]["tasks"]
    table = transfer_table(returns, learned)
    logger.info("the policies after %d tasks\n%s", learned, table.text())
    return table.markdown()


def compare_buffer_with_visits(
    data: Trajectories,
    buffer_by_seed: dict[int, ReplayBuffer],
    visits_by_seed: dict[int, Trajectories],
    facts: dict[str, Any],
    seeds: list[int],
) -> dict[int, dict[str, float]]:
    """Buffer fidelity of one task, both ways, per seed.

    Args:
        data: of the task; distances are in its standard deviations.
        buffer_by_seed: of the task.
        visits_by_seed: trajectories of the deployed policy after the last task.
        facts: of the suite: `distance_dimensions`.
        seeds: that are compared.
    """
    from dataclasses import asdict

    from oer_pipeline.metrics.fidelity import buffer_fidelity
    from oer_pipeline.networks.policy import Standardiser

    scale = Standardiser.of(data.observation)
    found = {}
    for seed in seeds:
        fidelity = buffer_fidelity(
            visits_by_seed[seed].observation,
            buffer_by_seed[seed].observation,
            scale.mean,
            scale.std,
            facts["distance_dimensions"],
        )
        found[seed] = asdict(fidelity)
    return found
