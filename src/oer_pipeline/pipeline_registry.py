"""The project's pipelines, shaped by a plan."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

from oer_pipeline.orchestration.configuration import plan_of_files
from oer_pipeline.orchestration.plan import Plan

STAGES = (
    "collection",
    "ingestion",
    "dynamics",
    "continual",
    "evaluation",
    "reporting",
)
OTHERS = ("comparison", "judging")
PIPELINES = (*STAGES, *OTHERS, "__default__")

SHARED = ("transitions", "references", "dynamics")
"""What equal tasks of a sequence have in common."""


def register_pipelines() -> dict[str, Pipeline]:
    """The pipelines of the bare configuration, for `kedro registry list`.

    What has a context follows that one's plan (`orchestration.context`).
    """
    return pipelines_of(plan_of_files())


def pipelines_of(plan: Plan) -> dict[str, Pipeline]:
    """Every stage, the others, and `__default__`: one cell through all stages (no model
    where no selector asks).

    Every node has its stage as a tag.
    """
    made = {}
    for name in (*STAGES, *OTHERS):
        module = import_module(f"oer_pipeline.pipelines.{name}.pipeline")
        stage = module.create_pipeline(plan)
        made[name] = Pipeline(with_shared_data(stage, plan), tags=name)
    selector = plan.selector
    uses_model = selector is not None and selector.uses_model
    default = Pipeline([])
    for name in STAGES:
        if name != "dynamics" or uses_model:
            default += made[name]
    made["__default__"] = default
    return made


def with_shared_data(stage: Pipeline, plan: Plan) -> Pipeline:
    """The stage with what the first of equal tasks has in place of what the later ones
    would have."""
    first = {}
    wanted = stage.inputs()
    for task in plan.tasks:
        like = plan.data_of(task)
        if like == task.name:
            continue
        for what in SHARED:
            own = f"{task.name}.{what}"
            if own in wanted:
                first[own] = f"{like}.{what}"
    if not first:
        return stage
    return Pipeline(stage, inputs=first)
