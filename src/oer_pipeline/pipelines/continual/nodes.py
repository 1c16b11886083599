"""Nodes of the continual pipeline; `by_seed` arguments and outputs are dictionaries
seed -> value."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from oer_pipeline.common.types import Weights
    from oer_pipeline.trajectories.buffer import ReplayBuffer
    from oer_pipeline.trajectories.table import Trajectories

    PoliciesAndCurves = tuple[dict[int, Weights], dict[int, pd.DataFrame]]

logger = logging.getLogger(__name__)


def train_first(
    chosen: dict[str, Any],
    settings: dict[str, Any],
    hardware: dict[str, Any],
    checkpoint: tuple[Path, float],
    seeds: list[int],
    data: Trajectories,
) -> PoliciesAndCurves:
    """Policies and curves of the sequence's first task."""
    return _train(chosen, settings, hardware, checkpoint, seeds, [data])


def train_next(
    chosen: dict[str, Any],
    settings: dict[str, Any],
    hardware: dict[str, Any],
    checkpoint: tuple[Path, float],
    seeds: list[int],
    data: Trajectories,
    previous_by_seed: dict[int, Weights],
    *buffers_by_seed: dict[int, ReplayBuffer],
) -> PoliciesAndCurves:
    """Policies and curves of a later task; one argument per old task's buffers, none
    for a learner without."""
    return _train(
        chosen,
        settings,
        hardware,
        checkpoint,
        seeds,
        [data],
        previous_by_seed,
        buffers_by_seed,
    )


def train_together(
    chosen: dict[str, Any],
    settings: dict[str, Any],
    hardware: dict[str, Any],
    checkpoint: tuple[Path, float],
    seeds: list[int],
    *data: Trajectories,
) -> PoliciesAndCurves:
    """Policies and curves of all tasks learned at once."""
    return _train(chosen, settings, hardware, checkpoint, seeds, data)


def _train(
    chosen: dict[str, Any],
    settings: dict[str, Any],
    hardware: dict[str, Any],
    checkpoint: tuple[Path, float],
    seeds: list[int],
    data: Sequence[Trajectories],
    previous_by_seed: dict[int, Weights] | None = None,
    buffers_by_seed: Sequence[dict[int, ReplayBuffer]] = (),
) -> PoliciesAndCurves:
    import pandas as pd

    from oer_pipeline.common.loading import build
    from oer_pipeline.learners.bases.protocol import Base
    from oer_pipeline.learners.configured import configured
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.learners.settings import LearnerSettings
    from oer_pipeline.training.fit import fit
    from oer_pipeline.training.hardware import Hardware

    before = previous_by_seed and Policies.stack(
        [Policies.from_tensors(*previous_by_seed[s]) for s in seeds]
    )
    trained = fit(
        configured(chosen),
        LearnerSettings(**settings),
        [d.scaled() for d in data],
        [[by_seed[s] for s in seeds] for by_seed in buffers_by_seed],
        before or None,
        seeds,
        Hardware(**hardware),
        *checkpoint,
        base=build(chosen["base"]["class"], Base, chosen["base"]["options"]),
    )
    cost = {"parameters": trained.parameters, "updates": trained.updates}
    members = {seed: trained.policies.member(m) for m, seed in enumerate(seeds)}
    weights = {
        seed: (p.tensors(), {**p.header(), **cost}) for seed, p in members.items()
    }
    return weights, {seed: pd.DataFrame(trained.curves[seed]) for seed in seeds}


def select_without_model(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    selector: dict[str, Any],
    replay: dict[str, Any],
    discount: float,
    facts: dict[str, Any],
    seeds: list[int],
) -> dict[int, ReplayBuffer]:
    """Each seed's buffer, chosen from the data and the policy."""
    return _select(
        data, policies_by_seed, task, selector, replay, discount, facts, seeds, None
    )


def select_with_model(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    selector: dict[str, Any],
    replay: dict[str, Any],
    discount: float,
    facts: dict[str, Any],
    seeds: list[int],
    dynamics: Weights,
) -> dict[int, ReplayBuffer]:
    """Each seed's buffer, chosen with the help of the transition model."""
    return _select(
        data, policies_by_seed, task, selector, replay, discount, facts, seeds, dynamics
    )


def _select(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    selector: dict[str, Any],
    replay: dict[str, Any],
    discount: float,
    facts: dict[str, Any],
    seeds: list[int],
    dynamics: Weights | None,
) -> dict[int, ReplayBuffer]:
    from oer_pipeline.common.loading import build
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.selection.answers import selected
    from oer_pipeline.selection.fill import fill
    from oer_pipeline.selection.protocol import Selector
    from oer_pipeline.selection.request import requests_of

    choose = build(selector["class"], Selector, selector["options"])  # type: ignore[type-abstract]
    model = None if dynamics is None else TransitionModel.from_tensors(*dynamics)
    policies = {seed: Policies.from_tensors(*policies_by_seed[seed]) for seed in seeds}
    requests = requests_of(
        policies, data.scaled(), replay["size"], model, facts, task["index"], discount
    )
    selections = selected(selector["name"], choose, list(requests.values()))
    for seed, selection in zip(seeds, selections, strict=True):
        logger.info(
            "task %d, seed %d: %s %s",
            task["index"],
            seed,
            selector["name"],
            dict(selection.notes) or "",
        )
    return {
        seed: fill(requests[seed], selection, replay["target_action"])
        for seed, selection in zip(seeds, selections, strict=True)
    }


def evaluate(
    policies_by_seed: dict[int, Weights],
    evaluation: dict[str, Any],
    seeds: list[int],
    *tasks: dict[str, Any],
) -> dict[int, pd.DataFrame]:
    """Every episode's return: `deployed` on all tasks learned, `task` policy on the
    newest, `zero_shot` on the next.

    Zero-shot is the deployed policy with its newest head, on a task that it has not
    learned (method, section 8). Columns: `policy`, `task`, `episode` and those of
    `suites.outcomes`.
    """
    import pandas as pd

    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.suites.evaluation import ActOnTask
    from oer_pipeline.suites.evaluation import evaluate as roll_out
    from oer_pipeline.suites.outcomes import outcomes
    from oer_pipeline.suites.suite import Task

    policies = Policies.stack(
        [Policies.from_tensors(*policies_by_seed[s]) for s in seeds]
    )
    order = [Task(**task) for task in tasks]
    newest = order[policies.tasks - 1]

    def deployed(task: Task, observation: Any) -> Any:
        return policies.deployed_action(min(task.index, newest.index), observation)

    runs: list[tuple[str, list[Task], ActOnTask]] = [("deployed", order, deployed)]
    if policies.task is not None:
        runs.append(
            ("task", [newest], lambda _, observation: policies.task_action(observation))
        )
    rows: dict[int, list[pd.DataFrame]] = {seed: [] for seed in seeds}
    for policy, on, act in runs:
        result = roll_out(on, act, len(seeds), evaluation["episodes"], "evaluation")
        for task, by_member in zip(on, result, strict=True):
            name = policy if task.index <= newest.index else "zero_shot"
            for seed, episodes in zip(seeds, by_member, strict=True):
                about = {
                    "policy": name,
                    "task": task.index,
                    "episode": range(evaluation["episodes"]),
                }
                rows[seed].append(pd.DataFrame(about | outcomes(task, episodes)))
    return {seed: pd.concat(tables, ignore_index=True) for seed, tables in rows.items()}
