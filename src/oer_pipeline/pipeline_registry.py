"""The project's pipelines, shaped by the plan in force."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

from oer_pipeline.context import plan_in_force

STAGES = ("collection", "ingestion", "dynamics", "continual", "evaluation", "reporting")
OTHERS = ("comparison", "judging")
PIPELINES = (*STAGES, *OTHERS, "__default__")


def register_pipelines() -> dict[str, Pipeline]:
    """Every stage, the others, and `__default__`: one cell through all stages (no model where no selector asks)."""
    plan = plan_in_force()
    made = {
        name: import_module(f"oer_pipeline.pipelines.{name}.pipeline").create_pipeline(plan)
        for name in (*STAGES, *OTHERS)
    }
    uses_model = plan.selector is not None and plan.selector["uses_model"]
    default = [made[name] for name in STAGES if name != "dynamics" or uses_model]
    return {**made, "__default__": sum(default, Pipeline([]))}
