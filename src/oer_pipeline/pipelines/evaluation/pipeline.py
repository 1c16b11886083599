"""Evaluation: the last policies visit every task; buffers are compared with the visits."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.pipelines.evaluation.nodes import compare_buffer_with_visits, visit
from oer_pipeline.plan import Plan


def create_pipeline(plan: Plan) -> Pipeline:
    """One visit a task, and one comparison where the learner keeps a buffer."""
    names = [task.name for task in plan.tasks]
    visits = [_visit(name, names[-1]) for name in names]
    return Pipeline(visits + [_compare(name) for name in names if plan.selector is not None])


def _visit(task: str, last: str) -> Node:
    inputs = [f"{last}.policies", f"params:sequence.{task}", "params:evaluation", f"params:heads.{task}", "seeds"]
    return Node(visit, inputs, f"{task}.visits", name=f"visit_{task}", namespace="evaluation", tags=[task])


def _compare(task: str) -> Node:
    inputs = [f"{task}.transitions", f"{task}.buffer", f"{task}.visits", "params:suite_facts", "seeds"]
    return Node(
        compare_buffer_with_visits,
        inputs,
        f"{task}.fidelity",
        name=f"fidelity_{task}",
        namespace="evaluation",
        tags=[task],
    )
