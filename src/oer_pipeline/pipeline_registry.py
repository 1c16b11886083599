"""The project's pipelines, shaped by a plan."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

from oer_pipeline.orchestration.configuration import plan_of_files
from oer_pipeline.orchestration.plan import Plan

STAGES = ("collection", "ingestion", "dynamics", "continual", "evaluation", "reporting")
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
    where no selector asks)."""
    made = {}
    for name in (*STAGES, *OTHERS):
        module = import_module(f"oer_pipeline.pipelines.{name}.pipeline")
        made[name] = with_shared_data(module.create_pipeline(plan), plan)
    uses_model = plan.selector is not None and plan.selector.uses_model
    default = Pipeline([])
    for name in STAGES:
        if name != "dynamics" or uses_model:
            default += made[name]
    return {**made, "__default__": default}


def with_shared_data(stage: Pipeline, plan: Plan) -> Pipeline:
    """The stage with what the first of equal tasks has in place of what the later ones
    would have."""
    first = {}
    for task in plan.tasks:
        if task in plan.distinct:
            continue
        for what in SHARED:
            own = f"{task.name}.{what}"
            if own in stage.inputs():
                first[own] = f"{plan.data_of(task)}.{what}"
    return Pipeline(stage, inputs=first) if first else stage
