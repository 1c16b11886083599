"""The project's pipelines, shaped by a plan."""

from __future__ import annotations

from collections.abc import Mapping
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

DATA_STAGES = ("collection", "ingestion", "dynamics")
"""Their tasks are those of the suite's list, whatever the run's order."""
SHARED = ("transitions", "references", "dynamics")
"""What a task has from these stages."""


def register_pipelines() -> dict[str, Pipeline]:
    """The pipelines of the bare configuration, for `kedro registry list`.

    What has a context follows that one's plan (`orchestration.context`).
    """
    return pipelines_of(plan_of_files())


def pipelines_of(plan: Plan) -> dict[str, Pipeline]:
    """Every stage, the others, and `__default__`: one cell through all stages.

    Every node has its stage as a tag.
    """
    made = {}
    for name in (*STAGES, *OTHERS):
        module = import_module(f"oer_pipeline.pipelines.{name}.pipeline")
        stage = module.create_pipeline(plan)
        if name not in DATA_STAGES:
            stage = on_data_of(stage, plan)
        made[name] = Pipeline(stage, tags=name)
    made["__default__"] = _whole(made, plan)
    return made


def _whole(made: Mapping[str, Pipeline], plan: Plan) -> Pipeline:
    """One cell through all stages; without transition models where its selector asks
    for none."""
    selector = plan.selector
    uses_model = selector is not None and selector.uses_model
    whole = Pipeline([])
    for name in STAGES:
        if name == "dynamics" and not uses_model:
            continue
        whole += made[name]
    return whole


def on_data_of(stage: Pipeline, plan: Plan) -> Pipeline:
    """The stage with each task's data under the name that they have in the suite's
    list; of a shuffled run, with the facts of its own order."""
    wanted = stage.inputs()
    inputs = {}
    parameters = {}
    for task in plan.tasks:
        listed = plan.data_of(task)
        for what in SHARED:
            own = f"{task.name}.{what}"
            if own in wanted and listed != task.name:
                inputs[own] = f"{listed}.{what}"
        facts = f"params:sequence.{task.name}"
        if plan.is_shuffled and facts in wanted:
            parameters[facts] = f"params:order.{task.name}"
    if not inputs and not parameters:
        return stage
    return Pipeline(stage, inputs=inputs, parameters=parameters)
