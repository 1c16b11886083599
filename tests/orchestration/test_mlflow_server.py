"""A run against a real MLflow server: what its clients load and its page shows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from oer_pipeline.datasets import TransitionsDataset
from oer_pipeline.orchestration.hooks import ADDRESS
from oer_pipeline.orchestration.tracked_view import view_link
from tests.browser import Opened, chromium
from tests.conftest import Project
from tests.tracked_at import tracked_at

EXPERIMENT = "test/cheetah_vel_signed/medium"
VISITS = (
    "data/test/07_model_output/cheetah_vel_signed/medium/oer/seed_1/"
    "task_2_visits.parquet"
)
SECONDS = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with an empty database of its own."""
    folder = tmp_path_factory.mktemp("server")
    empty = Project(folder / "empty")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{empty.path}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artefacts")),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    quick = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        command,
        env={**os.environ, **quick},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(SECONDS)


def wait_for(address: str) -> None:
    last: Exception | None = None
    for _ in range(2 * SECONDS):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError as error:
            last = error
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"{address} never answered: {last}")


@pytest.fixture(scope="module")
def tracked(
    server: str, finished: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowClient]:
    """A client of the server, which a run of the finished cell was logged to."""
    project = Project(tmp_path_factory.mktemp("tracked") / "project")
    shutil.copytree(finished.path / "data", project.path / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ADDRESS, server)
        assert project.run() == []  # all of it is up to date
    with tracked_at(server):
        yield MlflowClient(server)


def cell_of(client: MlflowClient) -> tuple[str, Any]:
    """The number of the experiment, and its cell's run."""
    number = client.get_experiment_by_name(EXPERIMENT).experiment_id
    [cell] = client.search_runs([number], "metrics.seeds > 0")
    return number, cell


def test_a_run_is_logged_whole(tracked: MlflowClient, tmp_path: Path) -> None:
    number, cell = cell_of(tracked)
    runs = tracked.search_runs([number])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == 3
    assert len(cell.outputs.model_outputs) == 2
    assert len(cell.inputs.dataset_inputs) == 3
    assert cell.data.metrics["system/process_memory_usage_megabytes"] > 0
    listing = tracked.download_artifacts(
        cell.info.run_id, "artefacts.json", str(tmp_path)
    )
    assert "metrics/metrics.json" in json.loads(Path(listing).read_text())


def test_a_policy_is_loaded_through_the_server_and_acts_the_same(
    tracked: MlflowClient, finished: Any
) -> None:
    _, cell = cell_of(tracked)
    model = mlflow.pyfunc.load_model(f"runs:/{cell.info.run_id}/oer_seed_1")
    visits = TransitionsDataset(filepath=str(finished.path / VISITS)).load()
    actions = model.predict(visits.observation, params={"task": 2})
    np.testing.assert_array_equal(actions, visits.action)


def test_mlflows_own_command_predicts(
    tracked: MlflowClient, server: str, finished: Any, tmp_path: Path
) -> None:
    _, cell = cell_of(tracked)
    visits = TransitionsDataset(filepath=str(finished.path / VISITS)).load()
    asked = {"inputs": visits.observation[:5].tolist(), "params": {"task": 2}}
    given, told = tmp_path / "given.json", tmp_path / "told.json"
    given.write_text(json.dumps(asked))
    command = [
        *(sys.executable, "-m", "mlflow", "models", "predict"),
        *("--model-uri", f"runs:/{cell.info.run_id}/oer_seed_1"),
        *("--input-path", str(given), "--output-path", str(told)),
        *("--content-type", "json", "--env-manager", "local"),
    ]
    no_pickles = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    subprocess.run(
        command,
        env={**os.environ, ADDRESS: server, **no_pickles},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    predicted = json.loads(told.read_text())["predictions"]
    actions = np.asarray(predicted, np.float32)
    np.testing.assert_array_equal(actions, visits.action[:5])


@pytest.mark.browser
def test_the_saved_view_shows_per_first(tracked: MlflowClient, server: str) -> None:
    chromium()
    number, cell = cell_of(tracked)
    page = Opened(f"{server}/{view_link(number)}", "--window-size=1600,900")
    for name in ("per", "forgetting", "plasticity", "seeds"):
        assert f'col-id="metrics.`{name}`"' in page.dom
    assert f"{cell.data.metrics['per']:.3f}"[:6] in page.dom
    assert "oer_seed_1" in page.dom  # the column Models
    assert "oer seed 1" not in page.dom  # children stand below their cell


@pytest.mark.browser
def test_an_experiment_leads_to_that_view_wherever_it_opens(
    tracked: MlflowClient, server: str
) -> None:
    """A browser that has never seen MLflow opens in its GenAI view."""
    chromium()
    number, _ = cell_of(tracked)
    page = Opened(f"{server}/#/experiments/{number}", "--window-size=1600,900")
    assert view_link(number).replace("&", "&amp;") in page.dom
