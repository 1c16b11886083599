"""Reporting: returns, buffers and visits -> metrics, table, figures, page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.reporting.nodes import draw, measure

FIGURES = ("heatmap", "returns", "projection")


def create_pipeline(plan: Plan) -> Pipeline:
    """One node that measures, one that draws."""
    names = [task.name for task in plan.tasks]
    kept = ["buffer", "fidelity"] if plan.selector is not None else []
    measured = {"cell": "params:cell", "policies_by_seed": f"{names[-1]}.policies"}
    measured |= _per_task([task.name for task in plan.stops], ["returns"])
    measured |= _per_task(names, ["references", *kept])
    drawn = {"metrics": "metrics", "facts": "params:suite_facts"}
    drawn |= _per_task(names, ["transitions", "visits", *kept[:1]])
    pictures = [f"report.{figure}_png" for figure in FIGURES]
    return Pipeline(
        [
            Node(measure, measured, ["metrics", "summary"], name="measure"),
            Node(
                draw,
                drawn,
                ["report.table", "report.page", "report.returns_plot", *pictures],
                name="draw",
            ),
        ]
    )


def _per_task(names: list[str], kinds: list[str]) -> dict[str, str]:
    """Argument -> dataset, e.g. `returns__task_1: task_1.returns`."""
    return {f"{kind}__{name}": f"{name}.{kind}" for kind in kinds for name in names}
