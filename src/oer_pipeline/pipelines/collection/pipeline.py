"""Collection: behaviour policies -> raw trajectories and references."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.pipelines.collection.nodes import measure_references, roll_out
from oer_pipeline.plan import Plan


def create_pipeline(plan: Plan) -> Pipeline:
    """One roll-out and one reference node a task."""
    return Pipeline([node for task in plan.tasks for node in _task(task.name)])


def _task(task: str) -> list[Node]:
    raw = [f"{task}.raw_random", f"{task}.raw_medium", f"{task}.raw_expert"]
    settings = [f"params:sequence.{task}", "params:collection", "params:data_seed"]
    return [
        Node(roll_out, [f"{task}.behaviours", *settings], raw, name="roll_out", namespace=task, tags=[task]),
        Node(
            measure_references, [*raw, *settings], f"{task}.references", name="references", namespace=task, tags=[task]
        ),
    ]
