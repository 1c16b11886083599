"""Ingestion: raw trajectories -> transition table of the quality, and its card."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.ingestion.nodes import describe, ingest, ingest_imported


def create_pipeline(plan: Plan) -> Pipeline:
    """One node a task that makes the data set, one that makes its page."""
    made = [_ingest(t.name, plan.raw_kinds(t), bool(t.source)) for t in plan.distinct]
    return Pipeline([*made, *(_describe(t.name) for t in plan.distinct)])


def _ingest(task: str, kinds: tuple[str, ...], imported: bool) -> Node:
    settings = [] if imported else ["params:quality", "params:collection"]
    inputs = [
        *settings,
        f"{task}.references",
        *(f"{task}.raw_{kind}" for kind in kinds),
    ]
    outputs = [f"{task}.transitions", f"{task}.card"]
    return Node(
        ingest_imported if imported else ingest,
        inputs,
        outputs,
        name="ingest",
        namespace=task,
        tags=[task],
    )


def _describe(task: str) -> Node:
    return Node(
        describe,
        f"{task}.card",
        f"{task}.card_page",
        name="describe",
        namespace=task,
        tags=[task],
    )
