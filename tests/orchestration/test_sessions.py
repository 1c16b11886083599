"""Two sessions in one process, each with its own plan."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import pytest

from oer_pipeline.common.locks import alone, is_held, path_of
from oer_pipeline.orchestration.runner import FreshRunner
from oer_pipeline.orchestration.session import lock_names_of
from tests.conftest import ROUND


@pytest.fixture
def sessions(project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make sessions of the project at test size."""
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)

    monkeypatch.setattr("oer_pipeline.suites.behaviour_data.ROUND", ROUND)

    def made(**params: Any) -> Any:
        return PlanSession.create(project.path, env="test", runtime_params=params)

    return made


def test_a_session_keeps_its_plan_when_another_one_begins(sessions: Any) -> None:
    """Contexts, pipelines, catalogs and runs, in any order."""
    small, large = sessions(tasks=1), sessions(tasks=2, method="finetune")
    first, second = small.load_context(), large.load_context()
    assert (len(first.plan.tasks), len(second.plan.tasks)) == (1, 2)
    stage = "continual"
    names = [node.name for node in first.pipelines[stage].nodes]
    assert names == ["task_1.train", "task_1.evaluate", "task_1.select"]
    assert len(second.pipelines[stage].nodes) == 4
    assert "oer-tasks=1" in str(first.catalog["task_1.policies"].paths()[0])
    assert "finetune-tasks=2" in str(second.catalog["task_1.policies"].paths()[0])
    for session, ran in (
        (small, ["task_1.roll_out", "task_1.references"]),
        (large, ["task_2.roll_out", "task_2.references"]),
    ):
        runner = FreshRunner()
        session.run(pipeline_names=["collection"], runner=runner)
        assert runner.ran == ran


def test_a_second_run_of_a_cell_waits_and_says_whose_it_is(
    project: Any, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("oer_pipeline").propagate = True
    place = "data/test/raw/cheetah_vel_signed"
    lock = project.path / path_of(f"{place} alone")
    is_held, may_end = threading.Event(), threading.Event()

    def first() -> None:
        with alone(lock, pytest.fail):
            is_held.set()
            may_end.wait(60.0)

    def end_it() -> None:
        """As soon as the second has said that it waits."""
        end = time.monotonic() + 60.0
        while "waiting" not in caplog.text and time.monotonic() < end:
            time.sleep(0.02)
        assert not (project.path / "data/test/01_raw").exists()
        may_end.set()

    threads = [threading.Thread(target=each) for each in (first, end_it)]
    threads[0].start()
    is_held.wait(10.0)
    threads[1].start()
    assert project.run("collection", tasks=1) == [
        "task_1.roll_out",
        "task_1.references",
    ]
    for thread in threads:
        thread.join(10.0)
    [said] = [r.getMessage() for r in caplog.records if "waiting" in r.getMessage()]
    assert f"{place} is being made by process {os.getpid()} of " in said


def test_a_run_that_is_at_work_shows(project: Any, sessions: Any) -> None:
    """`kedro status` sees it, whoever started it."""
    session = sessions(tasks=1)
    plan = session.load_context().plan
    assert lock_names_of([], plan) == [("cheetah_vel_signed", "medium", "oer-tasks=1")]
    assert lock_names_of(["collection", "dynamics"], plan) == [
        ("dynamics", "cheetah_vel_signed", "medium"),
        ("raw", "cheetah_vel_signed"),
    ]
    seen = []
    lock = path_of("data/test/raw/cheetah_vel_signed")

    class Looking(FreshRunner):
        def run_nodes(self, *_: Any) -> None:
            seen.append(is_held(project.path / lock))

    session.run(pipeline_names=["collection"], runner=Looking())
    assert seen == [True]
    assert not is_held(project.path / lock)


def test_kedros_own_list_follows_the_files(
    project: Any, sessions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kedro registry list` asks for the pipelines without a context."""
    from oer_pipeline.pipeline_registry import PIPELINES, register_pipelines

    sessions(tasks=1).load_context()
    monkeypatch.chdir(project.path)
    listed = register_pipelines()
    assert set(listed) == set(PIPELINES)
    assert {n.namespace for n in listed["continual"].nodes} == {
        "task_1",
        "task_2",
        "task_3",
    }


def test_the_working_directory_does_not_matter(project: Any, sessions: Any) -> None:
    before = os.getcwd()
    runner = FreshRunner()
    sessions(tasks=1).run(pipeline_names=["collection"], runner=runner)
    assert os.getcwd() == before
    assert runner.ran == ["task_1.roll_out", "task_1.references"]
    assert project.run("collection", tasks=1) == []
