"""Ingestion: raw trajectories -> transition table of the quality, and its card."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.pipelines.ingestion.nodes import ingest
from oer_pipeline.plan import Plan


def create_pipeline(plan: Plan) -> Pipeline:
    """One node a task."""
    return Pipeline([_task(task.name, plan.raw_kinds) for task in plan.tasks])


def _task(task: str, kinds: tuple[str, ...]) -> Node:
    raw = [f"{task}.raw_{kind}" for kind in kinds]
    inputs = ["params:quality", "params:collection", f"{task}.references", *raw]
    return Node(ingest, inputs, [f"{task}.transitions", f"{task}.card"], name="ingest", namespace=task, tags=[task])
