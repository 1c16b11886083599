"""MLflow in bad circumstances: a server that never answers, processes that are killed,
several at once, credentials."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from oer_pipeline.common.storage import StorageError
from oer_pipeline.orchestration import hooks, tracking
from oer_pipeline.orchestration.cell_run import log_metrics
from oer_pipeline.orchestration.hooks import ADDRESS, Tracking
from oer_pipeline.orchestration.run_lock import RunLock

EXPERIMENT = "test/cheetah_vel_signed/medium"
SECRET = "pa55word"


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        yield f"http://anna:{SECRET}@127.0.0.1:{number}/x?token=abcd1234"


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    logging.getLogger("oer_pipeline").propagate = True
    caplog.set_level(logging.INFO)
    return caplog


def context_of(project: Any) -> Any:
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)
    return PlanSession.create(project.path, env="test").load_context()


def client_of(project: Any) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.path}/mlflow.db")


def runs_of(client: MlflowClient) -> list[Any]:
    found = client.get_experiment_by_name(EXPERIMENT)
    return list(client.search_runs([found.experiment_id]))


def begun(project: Any) -> Tracking:
    """The hook with an open run."""
    hook: Tracking = _hook()
    hook.before_pipeline_run({}, None, None)  # type: ignore[arg-type]
    return hook


def _hook() -> Any:
    from oer_pipeline.settings import HOOKS

    return HOOKS[0]


def test_a_server_that_never_answers_is_waited_for_once(
    project: Any,
    silent: str,
    warned: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It once took 240 s a job, before any node."""
    monkeypatch.setenv(ADDRESS, silent)
    monkeypatch.setattr(hooks, "SECONDS_TO_ANSWER", 1.0)
    started = time.monotonic()
    context_of(project)
    begun(project)
    assert time.monotonic() - started < 8.0  # seconds of it are the configuration's
    warnings = [r for r in warned.records if r.levelno >= logging.WARNING]
    [said] = [record.getMessage() for record in warnings]
    assert said.startswith("MLflow is out of reach, nothing is tracked; results are on")
    assert said.endswith("no answer within 1 s")


def test_the_wait_is_ten_seconds() -> None:
    assert hooks.SECONDS_TO_ANSWER == 10.0


def test_no_credential_is_told_and_the_environments_address_is_honoured(
    project: Any, warned: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS, f"http://anna:{SECRET}@127.0.0.1:9/x?token=abcd1234")
    context_of(project)
    begun(project)
    assert "tracked at http://***@127.0.0.1:9/x?token=***, as MLFLOW" in warned.text
    assert "MLflow is out of reach" in warned.text
    for word in (SECRET, "abcd1234", "anna"):
        assert word not in warned.text


def test_parameters_after_the_hundredth_are_tracked(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow takes a hundred at once; the others were once left out without a word."""
    many = {f"learners.mine.option_{number}": str(number) for number in range(250)}
    monkeypatch.setattr(tracking, "logged_parameters", lambda plan: many.items())
    context_of(project)
    begun(project)
    [run] = runs_of(client_of(project))
    assert run.data.params == many


def test_another_database_of_the_environment(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    shutil.copy(project.path / "mlflow.db", tmp_path / "other.db")
    other = f"sqlite:///{tmp_path}/other.db"
    monkeypatch.setenv(ADDRESS, other)
    context_of(project)
    hook = begun(project)
    assert os.environ[ADDRESS] == other
    hook.interrupt()
    [run] = runs_of(MlflowClient(other))
    assert run.info.status == "KILLED"
    assert client_of(project).get_experiment_by_name(EXPERIMENT) is None


def test_a_database_that_cannot_be_changed_is_told_in_one_line(
    project: Any, monkeypatch: pytest.MonkeyPatch, warned: pytest.LogCaptureFixture
) -> None:
    """As on a read-only disk; MLflow would try for long, and log a traceback."""

    def refuse(path: Path) -> None:
        raise StorageError(f"{path}: Read-only file system")

    monkeypatch.setattr(hooks, "check_file", refuse)
    context_of(project)
    [line] = [each.message for each in warned.records if "reach" in each.message]
    assert line.endswith(f"{project.path}/mlflow.db: Read-only file system")
    assert not any(each.exc_info for each in warned.records)


def test_a_projects_own_address_is_left_to_nobody_else(project: Any) -> None:
    context_of(project)
    assert ADDRESS not in os.environ


def test_an_interrupted_run_is_killed_with_its_children(project: Any) -> None:
    context_of(project)
    hook = begun(project)
    run: Any = hook._run
    child = run.client.create_run(run.experiment, tags=run.lock.tags)
    run.children.add(child.info.run_id)
    assert {r.info.status for r in runs_of(client_of(project))} == {"RUNNING"}
    hooks.end_interrupted()
    assert {r.info.status for r in runs_of(client_of(project))} == {"KILLED"}
    hooks.end_interrupted()  # once is enough
    assert not list((project.path / "data/running").glob("run_*.lock"))


def test_ctrl_c_ends_the_run_of_a_session(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oer_pipeline.orchestration.runner import FreshRunner

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FreshRunner, "run_nodes", stop)
    with pytest.raises(KeyboardInterrupt):
        project.run("collection", tasks=1)
    client = client_of(project)
    found = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    [run] = client.search_runs([found.experiment_id])
    assert run.info.status == "KILLED"


def _left_open(place: Path, address: str, said: Any) -> None:
    """What a killed process leaves: a run and its lock."""
    client = MlflowClient(address)
    number = client.get_experiment_by_name(EXPERIMENT).experiment_id
    run = client.create_run(number, tags=RunLock(place).tags)
    said.send(run.info.run_id)
    time.sleep(60)


def test_the_next_run_closes_what_a_killed_one_left(project: Any) -> None:
    context_of(project)
    forked = multiprocessing.get_context("fork")
    here, there = forked.Pipe()
    address = f"sqlite:///{project.path}/mlflow.db"
    process = forked.Process(target=_left_open, args=(project.path, address, there))
    process.start()
    assert here.poll(30)
    left = here.recv()
    client = client_of(project)

    begun(project).interrupt()
    assert client.get_run(left).info.status == "RUNNING"  # it is at work

    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    elsewhere = client.create_run(
        client.get_experiment_by_name(EXPERIMENT).experiment_id,
        tags={"project": "another machine's", "lock": "0"},
    )
    begun(project).interrupt()
    assert client.get_run(left).info.status == "KILLED"
    assert client.get_run(elsewhere.info.run_id).info.status == "RUNNING"


WRITERS, BATCHES, METRICS = 10, 4, 50


def _write(number: int, address: str, run: str) -> None:
    client: Any = MlflowClient(address)
    for batch in range(BATCHES):
        metrics = []
        for step in range(METRICS):
            name = f"writer_{number}"
            metrics.append(Metric(name, step, 0, batch * METRICS + step))
        log_metrics(client, run, metrics)


def test_ten_writers_lose_no_metric(project: Any) -> None:
    """Each in a process of its own, as grids have them."""
    address = f"sqlite:///{project.path}/mlflow.db"
    client = MlflowClient(address)
    run = client.create_run("0").info.run_id
    forked = multiprocessing.get_context("fork")
    writers = []
    for number in range(WRITERS):
        writer = forked.Process(target=_write, args=(number, address, run))
        writer.start()
        writers.append(writer)
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    for number in range(WRITERS):
        history = client.get_metric_history(run, f"writer_{number}")
        assert sorted(m.step for m in history) == list(range(BATCHES * METRICS))


def test_two_first_runs_at_once_are_both_tracked(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that came second to make the experiment was not tracked."""
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig

    client = client_of(project)
    first = threading.Event()
    before = KedroMlflowConfig._set_experiment

    def slower(self: Any) -> None:
        if not first.is_set():  # another process makes it between question and answer
            first.set()
            client.create_experiment(EXPERIMENT)
            self.server._mlflow_client.create_experiment(EXPERIMENT)
        before(self)

    monkeypatch.setattr(KedroMlflowConfig, "_set_experiment", slower)
    context_of(project)
    hook = begun(project)
    assert first.is_set()
    assert hook._run is not None
    hook.interrupt()


def test_the_set_up_of_a_database_is_one_processs_at_a_time(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oer_pipeline.common.locks import is_held
    from oer_pipeline.orchestration.internals import MlflowHook

    seen = []

    def look(self: Any, context: Any) -> None:
        seen.append(is_held(project.path / "data/running/tracking.lock"))

    monkeypatch.setattr(MlflowHook, "after_context_created", look)
    context_of(project)
    assert seen == [True]
