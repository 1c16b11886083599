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
    """Seed -> its policy's `episodes` on a task; `act`: observations (M, E, O) of all
    seeds -> actions (M, E, A).

    Where the suite has success, the tables say which episodes solved the task.
    """
    target = Task(**task)
    [by_member] = evaluate_policies(
        [target],
        lambda _, observation: act(observation),
        len(seeds),
        episodes,
        "visits",
    )
    metadata = {"suite": target.suite, "task": target.index, "kind": kind}
    physics = target.physics()
    facts = (metadata, target.horizon, physics.bounds, physics.has_success)
    return {
        s: table_from_episodes(e, *facts) for s, e in zip(seeds, by_member, strict=True)
    }
