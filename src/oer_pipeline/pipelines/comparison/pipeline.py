"""Comparison: metrics of finished cells -> one table, picture and page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.comparison.nodes import compare


def create_pipeline(plan: Plan) -> Pipeline:
    """One node over the methods that `compare` names."""
    inputs = [f"{cell}.cell_metrics" for cell in plan.compared_cells]
    outputs = [
        "comparison.table",
        "comparison.text",
        "comparison.png",
        "comparison.page",
    ]
    return Pipeline([Node(compare, inputs, outputs, name="compare")])
