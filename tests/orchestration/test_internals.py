"""What Kedro, Kedro-Viz and kedro-mlflow do not promise and this project leans on: a
test fails when a version changes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro_datasets.json import JSONDataset

from oer_pipeline.orchestration import internals
from oer_pipeline.orchestration.run_parameters import parameters_of

SOURCE = Path(__file__).parents[2] / "src" / "oer_pipeline"
PUBLIC = {
    "kedro.config",
    "kedro.framework.cli.project",
    "kedro.framework.cli.utils",
    "kedro.framework.context",
    "kedro.framework.hooks",
    "kedro.framework.project",
    "kedro.framework.session",
    "kedro.framework.startup",
    "kedro.io",
    "kedro.pipeline",
    "kedro.pipeline.node",
    "kedro.runner",
    "kedro.utils",
    "mlflow",
    "mlflow.entities",
    "mlflow.exceptions",
    "mlflow.models",
    "mlflow.pyfunc",
    "mlflow.types",
}
"""Modules that Kedro's and MLflow's documentation names."""


@pytest.fixture
def registry() -> Iterator[None]:
    yield
    pipelines.configure("oer_pipeline.pipeline_registry")


def test_parameters_are_read_as_kedro_run_reads_them() -> None:
    told = parameters_of("a=1,b.c=x,d=0.5,e=true")
    assert told == {"a": 1, "b": {"c": "x"}, "d": 0.5, "e": True}
    assert parameters_of("") == {}


def text(value: Any) -> str:
    return str(value)


def test_kedro_keeps_the_pipelines_that_it_is_given(registry: None) -> None:
    one = Pipeline([Node(text, "a", "b", name="one")])
    internals.offer_pipelines({"first": one})
    assert dict(pipelines) == {"first": one}
    internals.offer_pipelines({"second": one})
    assert dict(pipelines) == {"second": one}


def test_a_runner_chooses_its_nodes() -> None:
    class OnlyTheFirst(internals.NodeRunner):
        def run_nodes(
            self, pipeline: Pipeline, catalog: Any, hooks: Any, run_id: Any
        ) -> None:
            self.run_node(pipeline.nodes[0], catalog, hooks, run_id)

    catalog = DataCatalog({"a": MemoryDataset(3)})
    nodes = [Node(text, "a", "b", name="one"), Node(text, "b", "c", name="two")]
    OnlyTheFirst().run(Pipeline(nodes), catalog)
    assert catalog.load("b") == "3"
    assert not catalog.exists("c")


def test_where_a_stock_dataset_lies(tmp_path: Path) -> None:
    from kedro.io import Version

    file = tmp_path / "a.json"
    assert internals.local_file(JSONDataset(filepath=str(file))) == file
    versioned = JSONDataset(filepath=str(file), version=Version(None, None))
    assert internals.local_file(versioned) is None
    remote = JSONDataset(filepath="memory://a.json")
    assert internals.local_file(remote) is None
    assert internals.local_file(MemoryDataset(1)) is None


def test_what_a_session_and_a_context_hold(project: Any) -> None:
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)
    with PlanSession.create(
        project.path, env="test", runtime_params={"tasks": 2}
    ) as session:
        context: Any = session.load_context()
        assert internals.project_of(session) == project.path
        assert internals.asked_parameters(context) == {"tasks": 2}
        assert "task_2.behaviours" in context.catalog
        assert "task_3.behaviours" not in context.catalog


def test_the_hook_of_kedro_mlflow_names_its_experiment(project: Any) -> None:
    from kedro.framework.startup import bootstrap_project
    from mlflow import MlflowClient

    from oer_pipeline.orchestration.session import PlanSession
    from oer_pipeline.settings import HOOKS

    bootstrap_project(project.path)
    with PlanSession.create(project.path, env="test") as session:
        session.load_context()
    name = HOOKS[0].mlflow_config.tracking.experiment.name
    assert name == "test/cheetah_vel_signed/medium"
    client = MlflowClient(f"sqlite:///{project.path}/mlflow.db")
    assert client.get_experiment_by_name(name) is not None


def test_only_internals_leans_on_insides() -> None:
    """Every other module imports what is documented, and no private name of it."""
    for path in SOURCE.rglob("*.py"):
        if path.name == "internals.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                top = node.module.partition(".")[0]
                if top in ("kedro", "kedro_mlflow", "kedro_datasets", "dvc", "mlflow"):
                    assert node.module in PUBLIC, f"{path.name}: {node.module}"
                    private = [a.name for a in node.names if a.name.startswith("_")]
                    assert not private, f"{path.name}: {private}"


def test_mlflow_loads_models_from_code_by_the_module_that_is_named() -> None:
    loader = import_module(internals.MODEL_LOADER)
    assert callable(loader._load_pyfunc)


def test_no_hooks_are_registered_for_a_context_that_runs_nothing() -> None:
    manager = internals.no_hooks()
    assert manager.get_plugins() == set()
    assert manager.hook.after_context_created(context=None) == []
