"""Continual: per task train -> select -> evaluate; a task needs the policies before it
and the old tasks' buffers.

A learner of all tasks at once has one training and one evaluation, those of the last
task.
"""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.chosen import SelectorChoice
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.continual.nodes import (
    evaluate,
    select,
    train_first,
    train_next,
)
from oer_pipeline.pipelines.judging.pipeline import visit

SETTINGS = ["params:learner", "params:hardware"]


def create_pipeline(plan: Plan) -> Pipeline:
    """The chain of tasks; no select nodes for a learner that replays nothing."""
    names = [task.name for task in plan.tasks]
    stops = [task.index for task in plan.stops]
    nodes = [_evaluate(names[: stop + 1], stop) for stop in stops]
    if len(stops) < len(names):
        nodes.append(_train_together(names))
    else:
        nodes.append(_train_first(names[0]))
        replays = plan.selector is not None
        nodes += [_train_next(names[:stop], replays) for stop in stops[1:]]
    if plan.selector is not None:
        nodes += [_select(name, plan.selector) for name in names]
        if plan.selector.uses_visits:
            nodes += [visit(name) for name in names]
    return Pipeline(nodes)


def _train_first(task: str) -> Node:
    return Node(
        train_first,
        [
            "params:chosen.first_learner",
            *SETTINGS,
            f"{task}.checkpoint",
            "seeds",
            f"{task}.transitions",
        ],
        [f"{task}.policies", f"{task}.curves"],
        name="train",
        namespace=task,
        tags=[task],
    )


def _train_next(learned: list[str], replays: bool) -> Node:
    *old, task = learned
    buffers = [f"{name}.buffer" for name in old] if replays else []
    return Node(
        train_next,
        [
            "params:chosen.learner",
            *SETTINGS,
            f"{task}.checkpoint",
            "seeds",
            f"{task}.transitions",
            f"{old[-1]}.policies",
            *buffers,
        ],
        [f"{task}.policies", f"{task}.curves"],
        name="train",
        namespace=task,
        tags=[task],
    )


def _train_together(tasks: list[str]) -> Node:
    last = tasks[-1]
    return Node(
        train_first,
        [
            "params:chosen.learner",
            *SETTINGS,
            f"{last}.checkpoint",
            "seeds",
            *(f"{name}.transitions" for name in tasks),
        ],
        [f"{last}.policies", f"{last}.curves"],
        name="train",
        namespace=last,
        tags=[last],
    )


def _select(task: str, selector: SelectorChoice) -> Node:
    """What the selector asks for beside data and policies is told by name."""
    inputs = {
        "data": f"{task}.transitions",
        "policies_by_seed": f"{task}.policies",
        "task": f"params:sequence.{task}",
        "selector": "params:chosen.selector",
        "replay": "params:replay",
        "discount": "params:learner.discount",
        "facts": "params:suite_facts",
        "seeds": "seeds",
    }
    if selector.uses_model:
        inputs["dynamics"] = f"{task}.dynamics"
    if selector.uses_visits:
        inputs["visits_by_seed"] = f"{task}.learned_visits"
    return Node(
        select,
        inputs,
        f"{task}.buffer",
        name="select",
        namespace=task,
        tags=[task],
    )


def _evaluate(tasks: list[str], learned: int) -> Node:
    """On all tasks learned and on the next one, if there is one."""
    task = tasks[learned - 1]
    return Node(
        evaluate,
        [
            f"{task}.policies",
            "params:evaluation",
            "seeds",
            *(f"params:sequence.{name}" for name in tasks),
        ],
        f"{task}.returns",
        name="evaluate",
        namespace=task,
        tags=[task],
    )
