"""Comparison: what finished cells left -> one table, picture and page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.bundle import bundle_node
from oer_pipeline.pipelines.comparison.nodes import compare, draw_comparison


def create_pipeline(plan: Plan) -> Pipeline:
    """Nodes over the methods that `compare` names: one for the numbers, one for the
    page."""
    cells = plan.compared_cells
    numbers = Node(
        compare,
        ["params:comparison", *(f"{cell}.cell_metrics" for cell in cells)],
        ["comparison.table", "comparison.text", "comparison.png"],
        name="compare",
    )
    page = Node(
        draw_comparison,
        {
            "comparison": "params:comparison",
            **_of("metrics", cells, "cell_metrics"),
            **_of("episodes", cells, "cell_episodes"),
            **_of("record", cells, "training_record"),
            **_of("card", [task.name for task in plan.data_tasks], "card"),
        },
        ["comparison.page", "comparison.markdown", "comparison.episodes"],
        name="draw_comparison",
    )
    return Pipeline([numbers, page, bundle_node()])


def _of(kind: str, names: list[str] | tuple[str, ...], dataset: str) -> dict[str, str]:
    """Argument -> dataset, such as `metrics__oer: oer.cell_metrics`."""
    return {f"{kind}__{name}": f"{name}.{dataset}" for name in names}
