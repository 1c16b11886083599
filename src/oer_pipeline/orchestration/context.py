"""The Kedro context: resolves the plan before pipelines and catalog are read, so that
both follow it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from kedro.io import AbstractDataset
from kedro.pipeline import Pipeline

from oer_pipeline.datasets import BehaviourDataset, SourceDataset
from oer_pipeline.orchestration import configuration, internals
from oer_pipeline.orchestration.configuration import DEFAULT_ENVIRONMENT, data_root
from oer_pipeline.orchestration.plan import BEHAVIOURS, Plan
from oer_pipeline.pipeline_registry import pipelines_of

GIVEN = {"kedro-viz": {"layer": "raw"}}
"""Kedro-Viz shows what nobody makes in its first layer, as the catalog's raw data."""


@define(slots=False)
class PlanContext(internals.CatalogContext):
    """A context with a `plan`; parameters, paths and `pipelines` follow it."""

    plan: Plan = field(init=False)
    pipelines: Mapping[str, Pipeline] = field(init=False)

    def __attrs_post_init__(self) -> None:
        loader: Any = self.config_loader
        environment = self.env or DEFAULT_ENVIRONMENT
        configuration.check_environment(Path(loader.conf_source), environment)
        configured = configuration.read(loader)
        self.plan = configured.plan(internals.asked_parameters(self))
        self.pipelines = pipelines_of(self.plan)
        internals.offer_pipelines(self.pipelines)
        loader["parameters"] = dict(self.plan.parameters)
        loader["globals"] = self._globals(environment)
        # Read now: OmegaConf has one `globals` per process, the newest loader's.
        loader["catalog"] = loader["catalog"]

    def added_datasets(self) -> Mapping[str, AbstractDataset[Any, Any]]:
        """Behaviour policies, and the files that imported data come from."""
        behaviours = self.project_path / BEHAVIOURS
        added: dict[str, AbstractDataset[Any, Any]] = {}
        for task in self.plan.data_tasks:
            if task.source is None:
                dataset = BehaviourDataset(task, behaviours, GIVEN)
                added[f"{task.name}.behaviours"] = dataset
            else:
                source = SourceDataset(task, self.project_path, GIVEN)
                added[f"{task.name}.source"] = source
        return added

    def _globals(self, environment: str) -> dict[str, Any]:
        """What paths in the catalog are made of."""
        plan, data = self.plan, data_root(environment)
        apart = data.split("/")[1:]
        experiment = [*apart, plan.suite_folder, plan.quality_folder]
        transfer = plan.transfer_evaluation
        transfer_name = "" if transfer is None else transfer.name
        return {
            "data": data,
            "transfer_evaluation": transfer_name,
            "suite": plan.suite_folder,
            "quality_name": plan.quality,
            "quality": plan.quality_folder,
            "cell": plan.cell,
            "comparison": plan.comparison_folder,
            "seeds": list(plan.seeds),
            "first_seed": plan.seeds[0],
            "last_task": plan.tasks[-1].name,
            "checkpoint_seconds": plan.asked["checkpoint_seconds"],
            "experiment": "/".join(experiment),
            "project": self.project_path.as_posix(),
        }
