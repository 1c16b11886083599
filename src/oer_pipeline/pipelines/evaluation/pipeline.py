"""Evaluation: the last policies visit every task, buffers are compared with the visits;
stored policies elsewhere."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.transfer import Elsewhere
from oer_pipeline.pipelines.evaluation.nodes import (
    compare_buffer_with_visits,
    run_elsewhere,
    tabulate_elsewhere,
    visit,
)


def create_pipeline(plan: Plan) -> Pipeline:
    """One visit a task, and one comparison where the learner keeps a buffer; or what
    `elsewhere` asks for."""
    if plan.elsewhere:
        return _elsewhere(plan.elsewhere)
    names = [task.name for task in plan.tasks]
    visits = [_visit(name, names[-1]) for name in names]
    return Pipeline(
        visits + [_compare(name) for name in names if plan.selector is not None]
    )


def _visit(task: str, last: str) -> Node:
    inputs = [
        f"{last}.policies",
        f"params:sequence.{task}",
        "params:evaluation",
        f"params:heads.{task}",
        "seeds",
    ]
    return Node(
        visit,
        inputs,
        f"{task}.visits",
        name=f"visit_{task}",
        namespace="evaluation",
        tags=[task],
    )


def _compare(task: str) -> Node:
    inputs = [
        f"{task}.transitions",
        f"{task}.buffer",
        f"{task}.visits",
        "params:suite_facts",
        "seeds",
    ]
    return Node(
        compare_buffer_with_visits,
        inputs,
        f"{task}.fidelity",
        name=f"fidelity_{task}",
        namespace="evaluation",
        tags=[task],
    )


def _elsewhere(asked: Elsewhere) -> Pipeline:
    """One node a task, and their table."""
    policies, names = (
        f"task_{asked.after}.policies",
        [task.name for task in asked.tasks],
    )
    runs = [
        Node(
            run_elsewhere,
            [policies, f"params:elsewhere_tasks.{name}", "params:evaluation", "seeds"],
            f"{name}.elsewhere",
            name=f"elsewhere_{name}",
            namespace="evaluation",
        )
        for name in names
    ]
    inputs = {"policies_by_seed": policies} | {
        name: f"{name}.elsewhere" for name in names
    }
    return Pipeline(
        [
            *runs,
            Node(
                tabulate_elsewhere,
                inputs,
                "elsewhere",
                name="elsewhere",
                namespace="evaluation",
            ),
        ]
    )
