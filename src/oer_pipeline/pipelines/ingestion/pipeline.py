"""Ingestion: raw trajectories -> transition table of the quality, and its card."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.ingestion.nodes import describe, ingest, ingest_imported


def create_pipeline(plan: Plan) -> Pipeline:
    """One node per task that makes the data set, one that makes its page."""
    nodes = []
    for task in plan.data_tasks:
        raw = [f"{task.name}.raw_{kind}" for kind in plan.raw_kinds(task)]
        if task.source:
            nodes.append(_ingest_imported(task.name, raw))
        else:
            nodes.append(_ingest(task.name, raw))
        nodes.append(_describe(task.name))
    return Pipeline(nodes)


def _ingest(task: str, raw: list[str]) -> Node:
    return Node(
        ingest,
        ["params:quality", "params:collection.transitions", f"{task}.references", *raw],
        [f"{task}.transitions", f"{task}.card"],
        name=f"{task}.ingest",
        tags=[task],
    )


def _ingest_imported(task: str, raw: list[str]) -> Node:
    return Node(
        ingest_imported,
        [f"{task}.references", *raw],
        [f"{task}.transitions", f"{task}.card"],
        name=f"{task}.ingest",
        tags=[task],
    )


def _describe(task: str) -> Node:
    return Node(
        describe,
        f"{task}.card",
        f"{task}.card_page",
        name=f"{task}.describe",
        tags=[task],
    )
