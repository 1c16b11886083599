"""Evaluation: the last policies visit every task, buffers are compared with the visits;
or stored policies act on further tasks."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.transfer import TransferEvaluation
from oer_pipeline.pipelines.evaluation.nodes import (
    compare_buffer_with_visits,
    evaluate_transfer,
    tabulate_transfer,
    visit,
)

NAMESPACE = "evaluation"


def create_pipeline(plan: Plan) -> Pipeline:
    """One visit per task, and one comparison where the learner keeps a buffer; or what
    `transfer_evaluation` asks for."""
    if plan.transfer_evaluation:
        return _transfer(plan.transfer_evaluation)
    names = [task.name for task in plan.tasks]
    nodes = [_visit(name, names[-1]) for name in names]
    if plan.selector is not None:
        nodes += [_compare(name) for name in names]
    return Pipeline(nodes)


def _visit(task: str, last: str) -> Node:
    return Node(
        visit,
        [
            f"{last}.policies",
            f"params:sequence.{task}",
            "params:evaluation",
            f"params:heads.{task}",
            "seeds",
        ],
        f"{task}.visits",
        name=f"visit_{task}",
        namespace=NAMESPACE,
        tags=[task],
    )


def _compare(task: str) -> Node:
    return Node(
        compare_buffer_with_visits,
        [
            f"{task}.transitions",
            f"{task}.buffer",
            f"{task}.visits",
            "params:suite_facts",
            "seeds",
        ],
        f"{task}.fidelity",
        name=f"fidelity_{task}",
        namespace=NAMESPACE,
        tags=[task],
    )


def _transfer(asked: TransferEvaluation) -> Pipeline:
    """One node per task, and their table."""
    policies = f"task_{asked.after}.policies"
    names = [task.name for task in asked.tasks]
    tabulated = {name: f"{name}.transfer_evaluation" for name in names}
    table = Node(
        tabulate_transfer,
        {"policies_by_seed": policies, **tabulated},
        "transfer_evaluation",
        name="transfer_evaluation",
        namespace=NAMESPACE,
    )
    return Pipeline([*(_evaluate(name, policies) for name in names), table])


def _evaluate(task: str, policies: str) -> Node:
    return Node(
        evaluate_transfer,
        [
            policies,
            f"params:transfer_evaluation_tasks.{task}",
            "params:evaluation",
            "seeds",
        ],
        f"{task}.transfer_evaluation",
        name=f"transfer_evaluation_{task}",
        namespace=NAMESPACE,
    )
