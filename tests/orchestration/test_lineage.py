"""What Kedro-Viz makes of the project: layers, tags, a namespace per task, previews."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro_viz.data_access.managers import DataAccessManager
from kedro_viz.models.flowchart.node_metadata import DataNodeMetadata
from kedro_viz.models.flowchart.nodes import DataNode
from kedro_viz.server import populate_data

from oer_pipeline.orchestration import internals
from oer_pipeline.orchestration.configuration import loader_of
from oer_pipeline.orchestration.context import PlanContext
from oer_pipeline.pipeline_registry import OTHERS, PIPELINES, STAGES

LAYERS = ["raw", "primary", "models", "output", "reporting"]
Lineage = Callable[..., DataAccessManager]


@pytest.fixture
def lineage(finished: Any, monkeypatch: pytest.MonkeyPatch) -> Lineage:
    """What Kedro-Viz shows of the finished project, by parameters of a run."""

    def show(**parameters: Any) -> DataAccessManager:
        monkeypatch.chdir(finished.path)
        context = PlanContext(
            package_name="oer_pipeline",
            project_path=Path.cwd(),
            config_loader=loader_of("test", parameters),
            env="test",
            hook_manager=internals.no_hooks(),
            runtime_params=parameters,
        )
        manager = DataAccessManager()
        populate_data(manager, context.catalog, dict(context.pipelines), {})
        return manager

    return show


def data_nodes(shown: DataAccessManager) -> dict[str, DataNode]:
    found = {}
    for node in shown.nodes.as_list():
        if isinstance(node, DataNode):
            found[node.name] = node
    return found


TRANSFER = {"transfer_evaluation": {"tasks": "1-2"}}


@pytest.mark.parametrize(
    "parameters", [{}, {"method": "finetune"}, {"method": "multitask"}, TRANSFER]
)
def test_every_dataset_is_in_a_layer_and_layers_have_an_order(
    lineage: Lineage, parameters: dict[str, Any]
) -> None:
    shown = lineage(**parameters)
    nodes = data_nodes(shown)
    assert len(nodes) > 20
    assert [name for name, node in nodes.items() if node.layer not in LAYERS] == []
    for pipeline in PIPELINES:
        # As Kedro-Viz's server does: a namespace is a node, too.
        shown.create_modular_pipelines_tree_for_registered_pipeline(pipeline)
        order = shown.get_sorted_layers_for_registered_pipeline(pipeline)
        assert sorted(order) == sorted(LAYERS), f"{pipeline}: layers go in a circle"
    assert shown.get_sorted_layers_for_registered_pipeline("__default__") == LAYERS


def test_a_task_is_a_namespace_and_stages_are_tags(lineage: Lineage) -> None:
    shown = lineage()
    tags = {tag.id for tag in shown.tags.as_list()}
    assert tags == {"task_1", "task_2", "task_3", *STAGES, *OTHERS}
    namespaces = shown.modular_pipelines["__default__"].as_dict()
    told = {node.name for node in shown.nodes.as_list() if "task_2" in node.tags}
    data = {"task_2.roll_out", "task_2.ingest"}
    assert data | {"train", "select", "evaluate"} <= told
    assert {"task_1", "task_2", "task_3"} <= set(namespaces)


@pytest.mark.parametrize(
    ("name", "kind", "part"),
    [
        ("report.heatmap_png", "ImagePreview", "iVBORw0KGgo"),
        ("metrics", "JSONPreview", '"aggregate"'),
        ("task_1.card", "JSONPreview", '"coverage"'),
        ("report.table", "HTMLPreview", "<pre>| "),
        ("task_1.returns", "TablePreview", "deployed"),
    ],
)
def test_figures_tables_and_cards_are_previewed(
    lineage: Lineage, name: str, kind: str, part: str
) -> None:
    node = data_nodes(lineage())[name]
    told = DataNodeMetadata(data_node=node)
    assert told.preview_type == kind
    assert part in str(told.preview)


def test_a_page_is_for_a_browser_and_a_missing_file_for_nobody(
    lineage: Lineage,
) -> None:
    nodes = data_nodes(lineage())
    assert not DataNodeMetadata(data_node=nodes["report.page"]).preview
    assert DataNodeMetadata(data_node=nodes["comparison.png"]).preview is None
