"""All that leans on the insides of Kedro, Kedro-Viz, kedro-mlflow and MLflow: what
their documentation does not promise. DVC is used by its files alone.

Each is checked in tests/orchestration/test_internals.py, which fails when a version
changes it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.io import AbstractDataset, CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner
from kedro.runner.task import Task
from kedro_viz.constants import PIPELINE_EVENT_FULL_PATH
from kedro_viz.integrations.kedro.hooks_utils import hash_node
from pluggy import PluginManager

with warnings.catch_warnings(record=True):
    # mlflow warns of a class of kedro-mlflow's, past every filter
    from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

__all__ = ["MlflowHook"]

Catalog = CatalogProtocol[Any, Any]
MODEL_LOADER = "mlflow.pyfunc.loaders.code_model"
"""What MLflow writes into a model from code; it loads the model by that."""
EVENTS = PIPELINE_EVENT_FULL_PATH
"""Where Kedro-Viz looks for what the last run did, in a project's folder."""


def viz_id(shown: Node | str) -> str:
    """What Kedro-Viz calls a node, or a data set of this name."""
    called: str = hash_node(shown)
    return called


def offer_pipelines(made: Mapping[str, Pipeline]) -> None:
    """Make these the pipelines that Kedro runs and shows from now on.

    Kedro has one registry per process, which it fills by a function without arguments;
    without a module to call, it keeps what it is given.
    """
    pipelines.configure(None)
    for name, pipeline in made.items():
        pipelines[name] = pipeline


class CatalogContext(KedroContext):
    """A context that adds datasets which no file describes to its catalog."""

    def added_datasets(self) -> Mapping[str, AbstractDataset[Any, Any]]:
        """Name -> dataset; a name that the files have keeps what they say."""
        return {}

    def _get_catalog(self, *args: Any, **kwargs: Any) -> Catalog:
        catalog: Catalog = super()._get_catalog(*args, **kwargs)
        for name, dataset in self.added_datasets().items():
            if name not in catalog:
                catalog[name] = dataset
        return catalog


def no_hooks() -> PluginManager:
    """A manager of hooks with none registered, for a context that runs nothing."""
    return _create_hook_manager()


def asked_parameters(context: KedroContext) -> dict[str, Any]:
    """What the command line says, for a context."""
    return context._runtime_params or {}


def project_of(session: KedroSession) -> Path:
    """The project's folder."""
    return session._project_path


class NodeRunner(SequentialRunner):
    """A runner of one node after the other, which a subclass chooses."""

    def run_nodes(
        self,
        pipeline: Pipeline,
        catalog: Catalog,
        hooks: PluginManager | None,
        run_id: str | None,
    ) -> None:
        """Run what has to run of the pipeline.

        Args:
            pipeline: to be run, its nodes in order.
            catalog: of the run; holds every dataset of the pipeline.
            hooks: Kedro's; None: nobody is told.
            run_id: Kedro's own, handed on to the hooks.
        """
        raise NotImplementedError

    def run_node(
        self,
        node: Node,
        catalog: Catalog,
        hooks: PluginManager | None,
        run_id: str | None,
    ) -> None:
        """Load, run and save, with the hooks of a node.

        Args:
            node: of the pipeline.
            catalog: holds its datasets.
            hooks: Kedro's; None: nobody is told.
            run_id: Kedro's own, handed on to the hooks.
        """
        Task(node, catalog, False, hook_manager=hooks, run_id=run_id).execute()

    def _run(
        self,
        pipeline: Pipeline,
        catalog: Catalog,
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        self.run_nodes(pipeline, catalog, hook_manager, run_id)


def local_file(dataset: Any) -> Path | None:
    """Where a stock dataset of Kedro's keeps its one file on this machine; None where
    it has none, lies elsewhere, or has versions."""
    if getattr(dataset, "_version", None) is not None:
        return None
    if getattr(dataset, "_protocol", "file") != "file":
        return None
    place = getattr(dataset, "_filepath", None)
    return None if place is None else Path(str(place))
