"""Continual: per task train -> select -> evaluate; a task needs the policies before it and the old tasks' buffers."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.pipelines.continual.nodes import (
    evaluate,
    select_with_model,
    select_without_model,
    train_first,
    train_next,
)
from oer_pipeline.plan import Plan


def create_pipeline(plan: Plan) -> Pipeline:
    """The chain of tasks; no select nodes for a learner that replays nothing."""
    names = [task.name for task in plan.tasks]
    trains = [_train(names[: k + 1], plan.selector is not None) for k in range(len(names))]
    evaluates = [_evaluate(names[: k + 1]) for k in range(len(names))]
    selects = [_select(name, plan.selector["uses_model"]) for name in names if plan.selector is not None]
    return Pipeline([*trains, *selects, *evaluates])


def _train(learned: list[str], replays: bool) -> Node:
    *old, task = learned
    inputs = [f"{task}.transitions", "params:chosen.learner", "params:learner", "params:accelerator", "seeds"]
    inputs += [f"{old[-1]}.policies"] if old else []
    inputs += [f"{name}.buffer" for name in old if replays]
    outputs = [f"{task}.policies", f"{task}.curves"]
    return Node(train_next if old else train_first, inputs, outputs, name="train", namespace=task, tags=[task])


def _select(task: str, uses_model: bool) -> Node:
    inputs = [f"{task}.transitions", f"{task}.policies", f"params:sequence.{task}", "params:chosen.selector"]
    inputs += ["params:replay", "params:learner", "params:suite_facts", "seeds"]
    function = select_with_model if uses_model else select_without_model
    inputs += [f"{task}.dynamics"] if uses_model else []
    return Node(function, inputs, f"{task}.buffer", name="select", namespace=task, tags=[task])


def _evaluate(learned: list[str]) -> Node:
    task = learned[-1]
    inputs = [f"{task}.policies", "params:evaluation", "seeds", *(f"params:sequence.{name}" for name in learned)]
    return Node(evaluate, inputs, f"{task}.returns", name="evaluate", namespace=task, tags=[task])
