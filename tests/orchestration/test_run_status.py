"""What Kedro-Viz is told of the last run, as Kedro-Viz itself reads it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro_datasets.json import JSONDataset
from kedro_viz.api.rest.responses.run_events import (
    transform_events_to_structured_format as as_shown,
)
from kedro_viz.data_access.managers import DataAccessManager
from kedro_viz.server import populate_data

from oer_pipeline.orchestration.internals import EVENTS, viz_id
from oer_pipeline.orchestration.run_status import NOT_ENDED, RunStatus


def text(value: Any) -> str:
    return str(value)


ONE = Node(text, "a", "b", name="one")
TWO = Node(text, "b", "c", name="two")
BOTH = Pipeline([ONE, TWO])


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    (tmp_path / "a.json").write_text("12")
    files = {name: str(tmp_path / f"{name}.json") for name in ("a", "b", "c")}
    return DataCatalog({name: JSONDataset(filepath=at) for name, at in files.items()})


def begun(project: Path) -> RunStatus:
    status = RunStatus()
    status.before_pipeline_run({"project_path": project.as_posix()})
    return status


def ran(status: RunStatus, node: Node) -> None:
    status.before_node_run(node)
    status.after_node_run(node)


def shown(project: Path) -> Any:
    return as_shown(json.loads((project / EVENTS).read_text()))


def test_a_finished_runs_nodes_have_their_times_under_kedro_vizs_names(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oer_pipeline.orchestration import internals
    from oer_pipeline.orchestration.configuration import loader_of
    from oer_pipeline.orchestration.context import PlanContext

    monkeypatch.chdir(finished.path)
    context = PlanContext(
        package_name="oer_pipeline",
        project_path=finished.path,
        config_loader=loader_of("test", {}),
        env="test",
        hook_manager=internals.no_hooks(),
        runtime_params={},
    )
    graph = DataAccessManager()
    populate_data(graph, context.catalog, dict(context.pipelines), {})
    drawn = graph.nodes.get_node_ids()
    told = shown(finished.path)
    assert told.pipeline.status == "success"
    assert len(told.nodes) == len(context.pipelines["__default__"].nodes)
    assert set(told.nodes) <= set(drawn)
    assert told.nodes.keys() & told.datasets.keys() == set()
    assert set(told.datasets) <= set(drawn)
    assert all(node.status == "success" for node in told.nodes.values())
    assert max(node.duration for node in told.nodes.values()) > 0.0
    assert told.datasets[viz_id("task_1.transitions")].size > 1000


def test_what_a_run_kept_is_shown_as_it_last_ran(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    first = begun(tmp_path)
    ran(first, ONE)
    ran(first, TWO)
    first.after_pipeline_run(BOTH, catalog)
    earlier = shown(tmp_path)
    assert set(earlier.datasets) == {viz_id("a")}  # the others were not saved
    again = begun(tmp_path)
    again.after_pipeline_run(BOTH, catalog)
    now = shown(tmp_path)
    assert now.nodes == earlier.nodes
    assert set(now.nodes) == {viz_id(ONE), viz_id(TWO)}
    assert now.pipeline.start_time > earlier.pipeline.start_time


def test_a_failure_is_shown_until_the_node_is_well(
    tmp_path: Path, catalog: DataCatalog
) -> None:
    failing = begun(tmp_path)
    ran(failing, ONE)
    failing.before_node_run(TWO)
    error = ValueError("no number\nat http://me:secret@host/")
    failing.on_node_error(error, TWO)
    failing.on_pipeline_error(error, BOTH, catalog)
    told = shown(tmp_path)
    assert told.nodes[viz_id(ONE)].status == "success"
    wrong = told.nodes[viz_id(TWO)]
    assert wrong.status == told.pipeline.status == "failed"
    assert wrong.error.message.startswith("no number at http://")
    assert "secret" not in (tmp_path / EVENTS).read_text()
    begun(tmp_path).after_pipeline_run(BOTH, catalog)
    told = shown(tmp_path)
    assert told.pipeline.status == "success"
    assert set(told.nodes) == {viz_id(ONE)}  # nobody knows when TWO ran


def test_a_run_that_is_killed_has_not_ended(tmp_path: Path) -> None:
    ran(begun(tmp_path), ONE)
    told = shown(tmp_path)
    assert set(told.nodes) == {viz_id(ONE)}
    assert told.pipeline.status == "failed"
    assert told.pipeline.error.message == NOT_ENDED


@pytest.mark.parametrize("damaged", ["[1, ", "{}", '[3, {"node_id": []}]'])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, damaged: str) -> None:
    file = tmp_path / EVENTS
    file.parent.mkdir()
    file.write_text(damaged)
    ran(begun(tmp_path), ONE)
    assert set(shown(tmp_path).nodes) == {viz_id(ONE)}


def test_a_file_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / EVENTS.parent).write_text("in the way")
    with caplog.at_level(logging.WARNING):
        ran(begun(tmp_path), ONE)
    assert "status is not kept for Kedro-Viz" in caplog.text
