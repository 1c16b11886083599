"""The project's pipelines, shaped by the plan in force."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

from oer_pipeline.orchestration.context import plan_in_force
from oer_pipeline.orchestration.plan import Plan

STAGES = ("collection", "ingestion", "dynamics", "continual", "evaluation", "reporting")
OTHERS = ("comparison", "judging")
PIPELINES = (*STAGES, *OTHERS, "__default__")


SHARED = ("transitions", "references", "dynamics")
"""What equal tasks of a sequence have in common."""


def with_shared_data(stage: Pipeline, plan: Plan) -> Pipeline:
    """The stage with what the first of equal tasks has in place of what the later ones
    would have."""
    later = [
        (task.name, plan.data_of(task))
        for task in plan.tasks
        if task not in plan.distinct
    ]
    instead = {
        f"{name}.{what}": f"{first}.{what}" for name, first in later for what in SHARED
    }
    wanted = {name: first for name, first in instead.items() if name in stage.inputs()}
    return Pipeline(stage, inputs=wanted) if wanted else stage


def register_pipelines() -> dict[str, Pipeline]:
    """Every stage, the others, and `__default__`: one cell through all stages (no model
    where no selector asks)."""
    plan = plan_in_force()
    made = {
        name: with_shared_data(
            import_module(f"oer_pipeline.pipelines.{name}.pipeline").create_pipeline(
                plan
            ),
            plan,
        )
        for name in (*STAGES, *OTHERS)
    }
    uses_model = plan.selector is not None and plan.selector["uses_model"]
    default = [made[name] for name in STAGES if name != "dynamics" or uses_model]
    return {**made, "__default__": sum(default, Pipeline([]))}
