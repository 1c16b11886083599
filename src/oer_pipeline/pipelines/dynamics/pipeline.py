"""Dynamics: transition table -> transition model and report."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.dynamics.nodes import draw_dynamics, fit_dynamics


def create_pipeline(plan: Plan) -> Pipeline:
    """One node a task, and one that draws their reports."""
    reports = {task.name: f"{task.name}.dynamics_report" for task in plan.distinct}
    drawn = ["dynamics.page", "dynamics.png"]
    return Pipeline(
        [
            *(_task(task.name) for task in plan.distinct),
            Node(draw_dynamics, reports, drawn, name="draw_dynamics"),
        ]
    )


def _task(task: str) -> Node:
    inputs = [
        f"{task}.transitions",
        f"params:sequence.{task}",
        "params:dynamics",
        "params:data_seed",
        "params:accelerator",
        "params:precision",
    ]
    outputs = [f"{task}.dynamics", f"{task}.dynamics_report"]
    return Node(
        fit_dynamics, inputs, outputs, name="fit_dynamics", namespace=task, tags=[task]
    )
