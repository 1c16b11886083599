"""Nodes of the continual pipeline; `by_seed` arguments and outputs are dictionaries seed -> value."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from oer_pipeline.trajectories.buffer import ReplayBuffer
    from oer_pipeline.trajectories.table import Trajectories

    Weights = tuple[dict[str, Tensor], dict[str, Any]]

logger = logging.getLogger(__name__)


def train_first(
    data: Trajectories, chosen: dict[str, Any], learner: dict[str, Any], accelerator: str, seeds: list[int]
) -> tuple[dict[int, Weights], dict[int, pd.DataFrame]]:
    """Policies and curves of the sequence's first task."""
    return _train(data, chosen, learner, accelerator, seeds, None, ())


def train_next(
    data: Trajectories,
    chosen: dict[str, Any],
    learner: dict[str, Any],
    accelerator: str,
    seeds: list[int],
    previous_by_seed: dict[int, Weights],
    *buffers_by_seed: dict[int, ReplayBuffer],
) -> tuple[dict[int, Weights], dict[int, pd.DataFrame]]:
    """Policies and curves of a later task; one argument per old task's buffers, none for a learner without."""
    return _train(data, chosen, learner, accelerator, seeds, previous_by_seed, buffers_by_seed)


def _train(
    data: Trajectories,
    chosen: dict[str, Any],
    learner: dict[str, Any],
    accelerator: str,
    seeds: list[int],
    previous_by_seed: dict[int, Weights] | None,
    buffers_by_seed: tuple[dict[int, ReplayBuffer], ...],
) -> tuple[dict[int, Weights], dict[int, pd.DataFrame]]:
    import pandas as pd

    from oer_pipeline.learners.learner import Learner
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.learners.settings import LearnerSettings
    from oer_pipeline.loading import load_class
    from oer_pipeline.training.fit import fit

    settings = LearnerSettings(**learner)
    learner_class: type[Learner] = load_class(chosen["class"], Learner)  # type: ignore[type-abstract]
    before = previous_by_seed and Policies.stack([Policies.from_tensors(*previous_by_seed[s]) for s in seeds])
    buffers = [[by_seed[s] for s in seeds] for by_seed in buffers_by_seed]
    trained = fit(learner_class, settings, data.scaled(), buffers, before or None, seeds, accelerator)
    cost = {"parameters": trained.parameters, "updates": settings.updates}
    members = {seed: trained.policies.member(m) for m, seed in enumerate(seeds)}
    weights = {seed: (p.tensors(), {**p.header(), **cost}) for seed, p in members.items()}
    return weights, {seed: pd.DataFrame(trained.curves[seed]) for seed in seeds}


def select_without_model(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    selector: dict[str, Any],
    replay: dict[str, Any],
    learner: dict[str, Any],
    facts: dict[str, Any],
    seeds: list[int],
) -> dict[int, ReplayBuffer]:
    """Each seed's buffer, chosen from the data and the policy."""
    return _select(data, policies_by_seed, task, selector, replay, learner, facts, seeds, None)


def select_with_model(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    selector: dict[str, Any],
    replay: dict[str, Any],
    learner: dict[str, Any],
    facts: dict[str, Any],
    seeds: list[int],
    dynamics: Weights,
) -> dict[int, ReplayBuffer]:
    """Each seed's buffer, chosen with the help of the transition model."""
    return _select(data, policies_by_seed, task, selector, replay, learner, facts, seeds, dynamics)


def _select(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    selector: dict[str, Any],
    replay: dict[str, Any],
    learner: dict[str, Any],
    facts: dict[str, Any],
    seeds: list[int],
    dynamics: Weights | None,
) -> dict[int, ReplayBuffer]:
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.loading import build
    from oer_pipeline.selection.fill import fill
    from oer_pipeline.selection.protocol import Selector
    from oer_pipeline.selection.request import requests_of

    choose = build(selector["class"], Selector, selector["options"])  # type: ignore[type-abstract]
    model = None if dynamics is None else TransitionModel.from_tensors(*dynamics)
    policies = {seed: Policies.from_tensors(*policies_by_seed[seed]) for seed in seeds}
    requests = requests_of(policies, data.scaled(), replay["size"], model, facts, task["index"], learner["discount"])
    selections = choose.select_all(list(requests.values()))
    for seed, selection in zip(seeds, selections, strict=True):
        logger.info("task %d, seed %d: %s %s", task["index"], seed, selector["name"], dict(selection.notes) or "")
    return {
        seed: fill(requests[seed], selection, replay["target_action"])
        for seed, selection in zip(seeds, selections, strict=True)
    }


def evaluate(
    policies_by_seed: dict[int, Weights], evaluation: dict[str, Any], seeds: list[int], *tasks: dict[str, Any]
) -> dict[int, pd.DataFrame]:
    """Every episode's return of the deployed policy on all tasks learned, and of the task policy on the newest."""
    import pandas as pd

    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.suites.evaluation import ActOnTask
    from oer_pipeline.suites.evaluation import evaluate as roll_out
    from oer_pipeline.suites.suite import Task

    policies = Policies.stack([Policies.from_tensors(*policies_by_seed[s]) for s in seeds])
    learned = [Task(**task) for task in tasks]
    head = {task.name: number for number, task in enumerate(learned, start=1)}

    def deployed(task: Task, observation: Any) -> Any:
        return policies.deployed_action(head[task.name], observation)

    runs: list[tuple[str, list[Task], ActOnTask]] = [("deployed", learned, deployed)]
    if policies.task is not None:
        runs.append(("task", learned[-1:], lambda _, observation: policies.task_action(observation)))
    rows: dict[int, list[pd.DataFrame]] = {seed: [] for seed in seeds}
    for policy, on, act in runs:
        result = roll_out(on, act, len(seeds), evaluation["episodes"], "evaluation")
        for task, by_member in zip(on, result, strict=True):
            for seed, episodes in zip(seeds, by_member, strict=True):
                columns = {"return": episodes.returns, "length": episodes.length, "diverged": episodes.diverged}
                number = range(evaluation["episodes"])
                rows[seed].append(
                    pd.DataFrame({"policy": policy, "task": head[task.name], "episode": number, **columns})
                )
    return {seed: pd.concat(tables, ignore_index=True) for seed, tables in rows.items()}
