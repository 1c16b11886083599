"""Judging: data, task policies, transition models -> every selector's buffer, judged
and drawn."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.judging.nodes import (
    draw_judgements,
    judge_selectors,
    visit_as_learned,
)


def create_pipeline(plan: Plan) -> Pipeline:
    """Per task the policy's visits, the judgements, the page."""
    nodes = []
    for task in plan.stops:
        nodes += [visit(task.name), _judge(task.name), _draw(task.name)]
    return Pipeline(nodes)


def visit(task: str) -> Node:
    """What the task's policy does in the environment, for what may look there."""
    return Node(
        visit_as_learned,
        [f"{task}.policies", f"params:sequence.{task}", "params:evaluation", "seeds"],
        f"{task}.learned_visits",
        name="visit_as_learned",
        namespace=task,
        tags=[task],
    )


def _judge(task: str) -> Node:
    return Node(
        judge_selectors,
        [
            f"{task}.transitions",
            f"{task}.policies",
            f"{task}.learned_visits",
            f"{task}.dynamics",
            f"params:sequence.{task}",
            "params:judging_selectors",
            "params:judging.sizes",
            "params:learner.discount",
            "params:suite_facts",
            "seeds",
        ],
        [f"{task}.judged", f"{task}.chosen_rows"],
        name="judge_selectors",
        namespace=task,
        tags=[task],
    )


def _draw(task: str) -> Node:
    return Node(
        draw_judgements,
        [
            f"{task}.transitions",
            f"{task}.learned_visits",
            f"{task}.judged",
            f"{task}.chosen_rows",
            f"params:sequence.{task}",
            "params:judging",
            "params:suite_facts",
            "seeds",
        ],
        [f"{task}.judging_page", f"{task}.judging_png"],
        name="draw_judgements",
        namespace=task,
        tags=[task],
    )
