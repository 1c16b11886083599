"""Continual: per task train -> select -> evaluate; a task needs the policies before it
and the old tasks' buffers.

A learner of all tasks at once has one training and one evaluation, those of the last
task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.continual.nodes import (
    evaluate,
    select_with_model,
    select_without_model,
    train_first,
    train_next,
    train_together,
)


def create_pipeline(plan: Plan) -> Pipeline:
    """The chain of tasks; no select nodes for a learner that replays nothing."""
    names, stops = (
        [task.name for task in plan.tasks],
        [task.index for task in plan.stops],
    )
    if len(stops) < len(names):
        trains = [
            _train(train_together, names[-1], [f"{name}.transitions" for name in names])
        ]
    else:
        trains = [_train_one(names[:k], plan.selector is not None) for k in stops]
    evaluates = [_evaluate(names[: k + 1], k) for k in stops]
    selects = [
        _select(name, plan.selector.uses_model)
        for name in names
        if plan.selector is not None
    ]
    return Pipeline([*trains, *selects, *evaluates])


def _train_one(learned: list[str], replays: bool) -> Node:
    *old, task = learned
    if not old:
        return _train(train_first, task, [f"{task}.transitions"], "first_learner")
    buffers = [f"{name}.buffer" for name in old if replays]
    return _train(
        train_next, task, [f"{task}.transitions", f"{old[-1]}.policies", *buffers]
    )


def _train(
    function: Callable[..., Any],
    task: str,
    data: Sequence[str],
    learner: str = "learner",
) -> Node:
    inputs = [
        f"params:chosen.{learner}",
        "params:learner",
        "params:hardware",
        f"{task}.checkpoint",
        "seeds",
        *data,
    ]
    outputs = [f"{task}.policies", f"{task}.curves"]
    return Node(function, inputs, outputs, name="train", namespace=task, tags=[task])


def _select(task: str, uses_model: bool) -> Node:
    inputs = [
        f"{task}.transitions",
        f"{task}.policies",
        f"params:sequence.{task}",
        "params:chosen.selector",
    ]
    inputs += [
        "params:replay",
        "params:learner.discount",
        "params:suite_facts",
        "seeds",
    ]
    function = select_with_model if uses_model else select_without_model
    inputs += [f"{task}.dynamics"] if uses_model else []
    return Node(
        function, inputs, f"{task}.buffer", name="select", namespace=task, tags=[task]
    )


def _evaluate(tasks: list[str], learned: int) -> Node:
    """On all tasks learned and on the next one, if there is one."""
    task = tasks[learned - 1]
    inputs = [
        f"{task}.policies",
        "params:evaluation",
        "seeds",
        *(f"params:sequence.{name}" for name in tasks),
    ]
    return Node(
        evaluate,
        inputs,
        f"{task}.returns",
        name="evaluate",
        namespace=task,
        tags=[task],
    )
