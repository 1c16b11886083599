"""Every episode of stored policies as tables: what R and transfer are made from
(method, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oer_pipeline.common.types import FloatArray
from oer_pipeline.learners.policies import Policies
from oer_pipeline.suites.episode_results import episode_results
from oer_pipeline.suites.evaluation import ActOnTask, evaluate_policies
from oer_pipeline.suites.suite import Task

if TYPE_CHECKING:
    import pandas as pd

PURPOSE = "evaluation"


def episodes_in_sequence(
    policies: Policies,
    tasks: Sequence[Task],
    episodes: int,
    seeds: Sequence[int],
) -> dict[int, pd.DataFrame]:
    """Seed -> every episode: `deployed` on all tasks learned, `task` policy on the
    newest, `zero_shot` on the next.

    Zero-shot is the deployed policy with its newest head, on a task that it has not
    learned (method, section 8). Columns: `policy`, `task`, `episode` and those of
    `suites.episode_results`.

    Args:
        policies: of all seeds, after learning some tasks.
        tasks: those, and the next one if the sequence goes on.
        episodes: of each policy on each task.
        seeds: of the policies' members, in their order.
    """
    import pandas as pd

    newest = tasks[policies.tasks - 1]

    def deployed(
        task: Task,
        observation: FloatArray,
    ) -> FloatArray:
        head = min(task.index, newest.index)
        return policies.deployed_action(head, observation)

    def task_policy(
        _: Task,
        observation: FloatArray,
    ) -> FloatArray:
        return policies.task_action(observation)

    runs: list[tuple[str, Sequence[Task], ActOnTask]] = [("deployed", tasks, deployed)]
    if policies.task is not None:
        runs.append(("task", [newest], task_policy))
    parts: dict[int, list[pd.DataFrame]] = {seed: [] for seed in seeds}
    for policy, on, act in runs:
        results = evaluate_policies(
            on,
            act,
            len(seeds),
            episodes,
            PURPOSE,
        )
        for task, by_member in zip(on, results, strict=True):
            name = policy if task.index <= newest.index else "zero_shot"
            about = {"policy": name, "task": task.index, "episode": range(episodes)}
            for seed, found in zip(seeds, by_member, strict=True):
                parts[seed].append(pd.DataFrame(about | episode_results(task, found)))
    tables = {}
    for seed, own in parts.items():
        tables[seed] = pd.concat(own, ignore_index=True)
    return tables


def episodes_on_task(
    policies: Policies,
    task: Task,
    episodes: int,
    seeds: Sequence[int],
) -> dict[int, pd.DataFrame]:
    """Seed -> every episode of the deployed policy on a task, learned or not; a task
    that was not learned gets the newest head.

    Columns: `head`, `episode` and those of `suites.episode_results`.

    Args:
        policies: after the last task that they learned; all members.
        task: to be played.
        episodes: per seed.
        seeds: one per member, in their order.
    """
    import pandas as pd

    head = min(task.index, policies.tasks)

    def deployed(
        _: Task,
        observation: FloatArray,
    ) -> FloatArray:
        return policies.deployed_action(head, observation)

    [by_member] = evaluate_policies(
        [task],
        deployed,
        len(seeds),
        episodes,
        PURPOSE,
    )
    about = {"head": head, "episode": range(episodes)}
    tables = {}
    for seed, found in zip(seeds, by_member, strict=True):
        tables[seed] = pd.DataFrame(about | episode_results(task, found))
    return tables
