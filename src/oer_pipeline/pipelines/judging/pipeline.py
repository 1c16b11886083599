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
    return Pipeline([node for task in plan.stops for node in _task(task.name)])


def _task(task: str) -> list[Node]:
    here, facts = f"params:sequence.{task}", "params:suite_facts"
    visits, judged, chosen = (
        f"{task}.learned_visits",
        f"{task}.judged",
        f"{task}.chosen_rows",
    )
    settings = [
        "params:judging_selectors",
        "params:judging",
        "params:learner.discount",
        facts,
        "seeds",
    ]
    return [
        Node(
            visit_as_learned,
            [f"{task}.policies", here, "params:evaluation", "seeds"],
            visits,
            name="visit_as_learned",
            namespace=task,
            tags=[task],
        ),
        Node(
            judge_selectors,
            [
                f"{task}.transitions",
                f"{task}.policies",
                visits,
                f"{task}.dynamics",
                here,
                *settings,
            ],
            [judged, chosen],
            name="judge_selectors",
            namespace=task,
            tags=[task],
        ),
        Node(
            draw_judgements,
            [
                f"{task}.transitions",
                visits,
                judged,
                chosen,
                here,
                "params:judging",
                facts,
                "seeds",
            ],
            [f"{task}.judging_page", f"{task}.judging_png"],
            name="draw_judgements",
            namespace=task,
            tags=[task],
        ),
    ]
