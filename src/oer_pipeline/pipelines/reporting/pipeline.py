"""Reporting: returns, buffers and visits -> metrics, table, figures, page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.bundle import bundle_node
from oer_pipeline.pipelines.reporting.nodes import draw, gather, measure


def create_pipeline(plan: Plan) -> Pipeline:
    """One node that measures, one that gathers episodes, one that draws."""
    names = [task.name for task in plan.tasks]
    stops = [task.name for task in plan.stops]
    measured = {
        "cell": "params:cell",
        "policies_by_seed": f"{names[-1]}.policies",
        **_per_task("returns", stops),
        **_per_task("references", names),
    }
    drawn = {
        "metrics": "metrics",
        "facts": "params:suite_facts",
        "repeat": "params:repeat",
        **_per_task("transitions", names),
        **_per_task("visits", names),
    }
    if plan.selector is not None:
        measured |= _per_task("buffer", names) | _per_task("fidelity", names)
        drawn |= _per_task("buffer", names)
    outputs = [
        "report.table",
        "report.page",
        "report.returns_plot",
        "report.heatmap_png",
        "report.returns_png",
        "report.projection_png",
    ]
    return Pipeline(
        [
            Node(measure, measured, ["metrics", "summary"], name="measure"),
            Node(
                gather,
                _per_task("returns", stops),
                "report.episodes",
                name="gather",
            ),
            Node(draw, drawn, outputs, name="draw"),
            bundle_node(),
        ]
    )


def _per_task(kind: str, names: list[str]) -> dict[str, str]:
    """Argument -> dataset, e.g. `returns__task_1: task_1.returns`."""
    return {f"{kind}__{name}": f"{name}.{kind}" for name in names}
