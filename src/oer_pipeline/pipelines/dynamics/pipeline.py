"""Dynamics: transition table -> transition model."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.pipelines.dynamics.nodes import fit_dynamics
from oer_pipeline.plan import Plan


def create_pipeline(plan: Plan) -> Pipeline:
    """One node a task."""
    return Pipeline([_task(task.name) for task in plan.tasks])


def _task(task: str) -> Node:
    inputs = [f"{task}.transitions", f"params:sequence.{task}", "params:dynamics", "params:data_seed"]
    outputs = [f"{task}.dynamics", f"{task}.dynamics_report"]
    return Node(fit_dynamics, inputs, outputs, name="fit_dynamics", namespace=task, tags=[task])
