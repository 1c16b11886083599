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
    checkpoint: tuple[Path, float, str | None],
    seeds: list[int],
    *data: Trajectories,
) -> PoliciesAndCurves:
    """Policies and curves of the sequence's first task, or of all tasks learned at
    once.

    Args:
        chosen: the learner and its base, each with class and options.
        settings: `learner` of the parameters.
        hardware: as `Hardware` takes it.
        checkpoint: its file, seconds between two writes, and the training's recipe or
            None.
        seeds: one per member.
        data: of the first task, or of every task.
    """
    return _train(chosen, settings, hardware, checkpoint, seeds, data, None, ())


def train_next(
    chosen: dict[str, Any],
    settings: dict[str, Any],
    hardware: dict[str, Any],
    checkpoint: tuple[Path, float, str | None],
    seeds: list[int],
    data: Trajectories,
    previous_by_seed: dict[int, Weights],
    *buffers_by_seed: dict[int, ReplayBuffer],
) -> PoliciesAndCurves:
    """Policies and curves of a later task.

    Args:
        chosen: the learner and its base, each with class and options.
        settings: `learner` of the parameters.
        hardware: as `Hardware` takes it.
        checkpoint: its file, seconds between two writes, and the training's recipe or
            None.
        seeds: one per member.
        data: of the task.
        previous_by_seed: policies after the task before, as tensors and header.
        buffers_by_seed: one argument per old task, in order; none for a learner
            without.
    """
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


def _train(
    chosen: dict[str, Any],
    settings: dict[str, Any],
    hardware: dict[str, Any],
    checkpoint: tuple[Path, float, str | None],
    seeds: list[int],
    data: Sequence[Trajectories],
    previous_by_seed: dict[int, Weights] | None,
    buffers_by_seed: Sequence[dict[int, ReplayBuffer]],
) -> PoliciesAndCurves:
    import pandas as pd

    from oer_pipeline.common.loading import build
    from oer_pipeline.learners.bases.protocol import Base
    from oer_pipeline.learners.configured import configured
    from oer_pipeline.learners.settings import LearnerSettings
    from oer_pipeline.pipelines.weights import stacked_policies, weights_by_seed
    from oer_pipeline.training.fit import fit
    from oer_pipeline.training.hardware import Hardware

    before = previous_by_seed and stacked_policies(previous_by_seed, seeds)
    trained = fit(
        configured(chosen),
        LearnerSettings(**settings),
        [table.scaled() for table in data],
        [list(map(by_seed.__getitem__, seeds)) for by_seed in buffers_by_seed],
        before or None,
        seeds,
        Hardware(**hardware),
        *checkpoint,
        base=build(chosen["base"]["class"], Base, chosen["base"]["options"]),
    )
    cost = {"parameters": trained.parameters, "updates": trained.updates}
    curves = {seed: pd.DataFrame(trained.curves[seed]) for seed in seeds}
    return weights_by_seed(trained.policies, seeds, **cost), curves


def select(
    data: Trajectories,
    policies_by_seed: dict[int, Weights],
    task: dict[str, Any],
    selector: dict[str, Any],
    replay: dict[str, Any],
    discount: float,
    facts: dict[str, Any],
    seeds: list[int],
    dynamics: Weights | None = None,
    visits_by_seed: dict[int, Trajectories] | None = None,
) -> dict[int, ReplayBuffer]:
    """Each seed's buffer, chosen from the data with the policy's help.

    Args:
        data: of the task.
        policies_by_seed: right after learning it, as tensors and header.
        task: of the plan's sequence.
        selector: its name, class and options.
        replay: of the parameters: `size` of a buffer, and its `target_action`.
        discount: gamma, that the critics were trained with.
        facts: of the suite: `horizon` and `distance_dimensions`.
        seeds: one per member.
        dynamics: the transition model, as tensors and header; None for selectors
            without one.
        visits_by_seed: what the policy does in the environment; None for selectors
            that stay offline.
    """
    from oer_pipeline.common.loading import build
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.pipelines import weights
    from oer_pipeline.selection.check_selection import checked_selections
    from oer_pipeline.selection.fill import fill
    from oer_pipeline.selection.protocol import Selector
    from oer_pipeline.selection.request import requests_of

    name = selector["name"]
    choose = build(selector["class"], Selector, selector["options"])  # type: ignore[type-abstract]
    model = None if dynamics is None else TransitionModel.from_tensors(*dynamics)
    visited = None
    if visits_by_seed is not None:
        visited = {seed: visits_by_seed[seed].observation for seed in seeds}
    requests = requests_of(
        weights.policies_by_seed(policies_by_seed, seeds),
        data.scaled(),
        len(data) if choose.takes_all else replay["size"],
        model,
        facts,
        task["index"],
        discount,
        visited,
    )
    selections = checked_selections(name, choose, list(requests.values()))
    buffers = {}
    for seed, selection in zip(seeds, selections, strict=True):
        notes = dict(selection.notes) or ""
        logger.info("task %d, seed %d: %s %s", task["index"], seed, name, notes)
        buffers[seed] = fill(requests[seed], selection, replay["target_action"])
    return buffers


def evaluate(
    policies_by_seed: dict[int, Weights],
    evaluation: dict[str, Any],
    seeds: list[int],
    *tasks: dict[str, Any],
) -> dict[int, pd.DataFrame]:
    """Every episode's return after a task, on all tasks learned and on the next one, if
    there is one (method, section 8).

    Args:
        policies_by_seed: right after learning a task, as tensors and header.
        evaluation: of the parameters; `episodes`: per seed and task.
        seeds: one per member.
        tasks: all learned, then the next one, if there is one.
    """
    from oer_pipeline.metrics.episodes import episodes_in_sequence
    from oer_pipeline.pipelines.weights import stacked_policies
    from oer_pipeline.suites.suite import Task

    policies = stacked_policies(policies_by_seed, seeds)
    order = [Task(**task) for task in tasks]
    return episodes_in_sequence(policies, order, evaluation["episodes"], seeds)
