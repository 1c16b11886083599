"""Two sessions in one process, each with its own plan."""

from __future__ import annotations

import os
from typing import Any

import pytest

from oer_pipeline.orchestration.runner import FreshRunner


@pytest.fixture
def sessions(project: Any) -> Any:
    """Make sessions of the project at test size."""
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project.path)

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
