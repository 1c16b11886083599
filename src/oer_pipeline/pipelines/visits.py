"""What policies do in the environment, as tables: shared by the evaluation and the
judging pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.table import Trajectories


def visits_of(
    act: Callable[[FloatArray], FloatArray],
    task: Mapping[str, Any],
    episodes: int,
    seeds: Sequence[int],
    kind: str,
) -> dict[int, Trajectories]:
    """Seed -> its policy's trajectories on a task.

    Where the suite has success, the tables say which episodes solved the task.

    Args:
        act: observations (M, E, O) of all seeds -> actions (M, E, A).
        task: what `suites.suite.Task` is made of.
        episodes: of each seed.
        seeds: of the policies' members, in their order.
        kind: what the tables say of themselves.
    """
    target = Task(**task)
    physics = target.physics()

    def act_on_task(_: Task, observation: FloatArray) -> FloatArray:
        return act(observation)

    [by_member] = evaluate_policies(
        [target], act_on_task, len(seeds), episodes, "visits"
    )
    metadata = {"suite": target.suite, "task": target.index, "kind": kind}
    visits = {}
    for seed, found in zip(seeds, by_member, strict=True):
        visits[seed] = table_from_episodes(
            found, metadata, target.horizon, physics.bounds, physics.has_success
        )
    return visits
