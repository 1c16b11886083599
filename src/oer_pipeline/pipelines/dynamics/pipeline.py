"""Dynamics: transition table -> transition model and report."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.bundle import bundle_node
from oer_pipeline.pipelines.dynamics.nodes import draw_dynamics, fit_dynamics


def create_pipeline(plan: Plan) -> Pipeline:
    """One node per task, and those that draw their reports."""
    names = [task.name for task in plan.data_tasks]
    drawn = {"suite": "params:suite", "quality": "params:quality"}
    for name in names:
        drawn[name] = f"{name}.dynamics_report"
    draw = Node(
        draw_dynamics,
        drawn,
        ["dynamics.page", "dynamics.png"],
        name="draw_dynamics",
    )
    grouped = not plan.is_shuffled
    return Pipeline([*(_fit(name, grouped) for name in names), draw, bundle_node()])


def _fit(task: str, grouped: bool) -> Node:
    """In its task's namespace, unless another task of that number comes between."""
    return Node(
        fit_dynamics,
        [
            f"{task}.transitions",
            f"params:sequence.{task}",
            "params:dynamics",
            "params:data_seed",
            "params:accelerator",
            "params:precision",
        ],
        [f"{task}.dynamics", f"{task}.dynamics_report"],
        name="fit_dynamics" if grouped else f"{task}.fit_dynamics",
        namespace=task if grouped else None,
        tags=[task],
    )
