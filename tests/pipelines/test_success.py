"""Success beside return, end to end: from the roll-out of a gymnasium suite to tables,
pages and MLflow."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from oer_pipeline.trajectories.table import read_trajectories
from tests.conftest import Project
from tests.reaching import GOALS, NEAR, reach_suite, task_config, write_data

REPORTS = "test/08_reporting/reach/imported"
OUTPUT = "data/test/07_model_output/reach/imported"
SIZES = {
    "updates": 300,
    "batch_size": 64,
    "hidden": [32, 32],
    "learning_rate": 0.003,
    "base": "bc",
}
METHODS = ("finetune", "er")


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two methods on three goals, their comparison, and a stored policy on all tasks;
    read it, do not change it."""
    project = Project(tmp_path_factory.mktemp("solved") / "project")
    tasks = []
    for number, (task, goal) in enumerate(
        zip(reach_suite().tasks, GOALS, strict=True), start=1
    ):
        write_data(task, project.path / f"task_{number}.parquet")
        references = {"random": -16.0, "expert": -8.0}
        source = {"path": f"task_{number}.parquet", "references": references}
        tasks.append(task_config(goal, source=source))
    suite = {"family": "gymnasium", "horizon": reach_suite().horizon, "tasks": tasks}
    (project.path / "conf/base/suites_reach.yml").write_text(
        yaml.safe_dump({"reach": suite})
    )
    sizes = project.path / "conf/test/parameters.yml"
    parameters = yaml.safe_load(sizes.read_text()) | {"seeds": "0-2"}
    parameters["learner"] |= SIZES
    parameters["evaluation"] |= {"episodes": 4}
    sizes.write_text(yaml.safe_dump(parameters))
    for method in METHODS:
        project.run(suite="reach", method=method)
    project.run("comparison", suite="reach", compare="+".join(METHODS))
    project.run(
        "evaluation",
        suite="reach",
        method="er",
        transfer_evaluation={"tasks": "1-3", "after": 1},
    )
    return project


def document(project: Project, method: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (project.path / "data" / REPORTS / method / "metrics.json").read_text()
    )
    return found


def returns(project: Project, method: str, seed: int, task: int) -> pd.DataFrame:
    path = (
        project.path / OUTPUT / method / f"seed_{seed}" / f"task_{task}_returns.parquet"
    )
    return pd.read_parquet(path)


def test_every_evaluated_episode_says_whether_it_was_solved(solved: Project) -> None:
    for seed in range(3):
        for task in (1, 2, 3):
            table = returns(solved, "er", seed, task)
            assert table["success"].dtype == bool
            assert list(table)[-1] == "success"
    learned = returns(solved, "er", 0, 1)
    assert learned[learned["policy"] == "deployed"].query("task == 1")["success"].all()
    assert not learned[learned["policy"] == "zero_shot"]["success"].any()


def test_visits_say_which_episodes_were_solved(solved: Project) -> None:
    for task, goal in enumerate(GOALS, start=1):
        path = solved.path / OUTPUT / "finetune/seed_1" / f"task_{task}_visits.parquet"
        visits = read_trajectories(path)
        near = np.linalg.norm(visits.next_observation - np.array(goal), axis=1) < NEAR
        expected = np.maximum.reduceat(near, visits.starts)
        assert visits.solved is not None
        assert visits.solved.tolist() == expected.tolist()


def test_metrics_are_those_of_the_episodes(solved: Project) -> None:
    for method in METHODS:
        found = document(solved, method)
        success = found["success"]
        for seed in range(3):
            for k in range(3):
                table = returns(solved, method, seed, k + 1)
                means = (
                    100
                    * table[table["policy"] == "deployed"]
                    .groupby("task")["success"]
                    .mean()
                )
                assert success["matrix"][str(seed)][k][: k + 1] == means.tolist()
            own = found["per_seed"][str(seed)]
            assert own["per_success"] == pytest.approx(
                np.mean(success["matrix"][str(seed)][2])
            )
    per = {
        method: document(solved, method)["aggregate"]["per_success"]["mean"]
        for method in METHODS
    }
    assert per["er"] > 90
    assert per["finetune"] < per["er"]


def test_the_headline_is_success_with_returns_beside(solved: Project) -> None:
    summary = json.loads(
        (solved.path / "data" / REPORTS / "er/summary.json").read_text()
    )
    aggregate = document(solved, "er")["aggregate"]
    assert summary["per_success"] == aggregate["per_success"]["mean"]
    assert summary["per_normalised"] == aggregate["per_normalised"]["mean"]
    rows = json.loads((solved.path / "data" / REPORTS / "er/returns.json").read_text())
    assert {"seed", "task", "learned", "return", "success"} == set(rows[0])
    assert rows[0]["success"] == document(solved, "er")["success"]["matrix"]["0"][0][0]


def test_a_cells_table_and_page_begin_with_success(solved: Project) -> None:
    folder = solved.path / "data" / REPORTS / "er"
    table = (folder / "table.md").read_text()
    scales = [
        line.split("|")[2].strip()
        for line in table.splitlines()
        if line.startswith("| er")
    ]
    assert scales == ["success (%)"] * 4 + ["normalised"] * 4 + ["raw"] * 4
    page = (folder / "report.html").read_text()
    headings = [part.split("</h2>")[0] for part in page.split("<h2>")[1:]]
    assert headings[:5] == [
        "Metrics",
        "Matrix R of success",
        "Success over the sequence",
        "Matrix R",
        "Return over the sequence",
    ]


def test_a_comparison_ranks_by_success(solved: Project) -> None:
    folder = next((solved.path / "data" / REPORTS).glob("comparison*"))
    table = (folder / "table.md").read_text()
    per = {
        method: document(solved, method)["aggregate"]["per_success"]["mean"]
        for method in METHODS
    }
    order = [
        line.split("|")[1].strip()
        for line in table.splitlines()
        if "| success (%) |" in line
    ]
    assert order == sorted(METHODS, key=lambda method: -per[method])
    assert "er - finetune | success (%), paired by seed" in table
    assert "| normalised |" in table
    assert "success (%):" in (folder / "table.txt").read_text()
    assert (
        "PER (higher is better), success (%)"
        in (folder / "comparison.html").read_text()
    )


def test_a_stored_policy_on_other_tasks_tells_success_first(solved: Project) -> None:
    table = (solved.path / "data" / REPORTS / "er/after_1_on_1+2+3.md").read_text()
    assert table.startswith("| task | scale | by then | head | success (%) | return |")
    assert "| task_1 | raw | learned | 1 | 100.0 [100.0, 100.0] |" in table
    path = solved.path / OUTPUT / "er/seed_0/after_1_on_1+2+3_task_2_returns.parquet"
    assert list(pd.read_parquet(path)) == [
        "head",
        "episode",
        "return",
        "length",
        "diverged",
        "success",
    ]


def test_mlflow_has_success_and_its_curve(solved: Project) -> None:
    client = MlflowClient(f"sqlite:///{solved.path}/mlflow.db")
    experiment = client.get_experiment_by_name("test/reach/imported")
    runs = client.search_runs([experiment.experiment_id], "tags.method = 'er'")
    [cell] = [
        run
        for run in runs
        if "per_success" in run.data.metrics and "seed" not in run.data.tags
    ]
    found = document(solved, "er")
    assert cell.data.metrics["per_success"] == pytest.approx(
        found["aggregate"]["per_success"]["mean"]
    )
    children = [
        run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == cell.info.run_id
    ]
    child = next(run for run in children if run.data.tags["seed"] == "1")
    assert child.data.metrics["per_success"] == pytest.approx(
        found["per_seed"]["1"]["per_success"]
    )
    history = client.get_metric_history(child.info.run_id, "success_deployed.task_1")
    assert [m.step for m in history] == [1, 2, 3]
    assert [m.value for m in history] == [
        row[0] for row in found["success"]["matrix"]["1"]
    ]
    assert client.get_metric_history(child.info.run_id, "return_deployed.task_1")


def test_a_suite_without_success_says_nothing_of_it(finished: Project) -> None:
    files = finished.files()
    for name, content in files.items():
        if (
            name.endswith((".json", ".md"))
            and "/08_reporting/" in name
            and "/.made/" not in name
        ):
            assert b"success" not in content, name
    tables = list((finished.path / "data").rglob("*_returns.parquet"))
    assert tables
    for path in tables:
        assert list(pd.read_parquet(path)) == [
            "policy",
            "task",
            "episode",
            "return",
            "length",
            "diverged",
        ]


def test_reference_success_is_read_as_a_share_and_told_in_per_cent() -> None:
    from oer_pipeline.pipelines.reporting.nodes import measure

    def episodes(**solved: list[bool]) -> dict[int, pd.DataFrame]:
        rows = []
        for name, values in solved.items():
            policy, _, task = name.rpartition("_")
            about = {
                "policy": policy,
                "task": int(task),
                "return": -1.0,
                "diverged": False,
            }
            rows += [about | {"success": value} for value in values]
        return {0: pd.DataFrame(rows)}

    first = episodes(deployed_1=[True, True], zero_shot_2=[True, False])
    second = episodes(deployed_1=[True, False], deployed_2=[True, True])
    kinds = {
        "random": {"mean": -9.0, "success": 0.1},
        "expert": {"mean": 0.0, "success": 0.95},
    }
    cell = {"suite": "s", "quality": "medium", "method": "er", "cell": "er"}
    header = {"updates": 1, "parameters": 1}
    given = {"returns__task_1": first, "returns__task_2": second}
    given |= {"references__task_1": kinds, "references__task_2": kinds}
    found, summary = measure(cell, {0: (None, header)}, **given)
    assert found["success"]["references"]["task_2"] == {"random": 10.0, "expert": 95.0}
    assert found["per_seed"]["0"]["zero_shot_success"] == 40.0
    assert summary["per_success"] == 75.0
    assert summary["forgetting_success"] == 50.0
    assert found["references"]["task_1"] == {"random": -9.0, "expert": 0.0}
