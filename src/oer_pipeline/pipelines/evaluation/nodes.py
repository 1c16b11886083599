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
    trajectories."""
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.pipelines.visits import visits_of

    policies = Policies.stack(
        [Policies.from_tensors(*policies_by_seed[s]) for s in seeds]
    )
    return visits_of(
        lambda observation: policies.deployed_action(head, observation),
        task,
        evaluation["episodes"],
        seeds,
        "visits of the deployed policy",
    )


def run_elsewhere(
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    evaluation: dict[str, Any],
    seeds: list[int],
) -> dict[int, pd.DataFrame]:
    """Every episode's return of each seed's deployed policy on a task, learned or
    not."""
    import pandas as pd

    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.suites.evaluation import evaluate
    from oer_pipeline.suites.outcomes import outcomes
    from oer_pipeline.suites.suite import Task

    policies = Policies.stack(
        [Policies.from_tensors(*policies_by_seed[s]) for s in seeds]
    )
    head = min(task["index"], policies.tasks)  # an unknown task gets the newest head
    target = Task(**task)
    [by_member] = evaluate(
        [target],
        lambda _, observation: policies.deployed_action(head, observation),
        len(seeds),
        evaluation["episodes"],
        "evaluation",
    )
    tables = {}
    for seed, episodes in zip(seeds, by_member, strict=True):
        about = {"head": head, "episode": range(evaluation["episodes"])}
        tables[seed] = pd.DataFrame(about | outcomes(target, episodes))
    return tables


def tabulate_elsewhere(
    policies_by_seed: dict[int, Weights], **returns: dict[int, pd.DataFrame]
) -> str:
    """The table of the returns elsewhere; it is also told to the terminal."""
    from oer_pipeline.reports.elsewhere import elsewhere_table

    learned = next(iter(policies_by_seed.values()))[1]["tasks"]
    table = elsewhere_table(returns, learned)
    logger.info("the policies after %d tasks\n%s", learned, table.text())
    return table.markdown()


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
                visits_by_seed[seed].observation,
                buffer_by_seed[seed].observation,
                scale.mean,
                scale.std,
                dimensions,
            )
        )
        for seed in seeds
    }
