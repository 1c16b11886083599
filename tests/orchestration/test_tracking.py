"""MLflow: a run a cell, a child a seed; a server that is down stops nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

from oer_pipeline.orchestration.circumstances import source
from oer_pipeline.orchestration.tracked_view import experiment_tags, view_links

CONF = Path(__file__).parents[2] / "conf" / "base"


@pytest.fixture
def client(finished: Any) -> MlflowClient:
    return MlflowClient(f"sqlite:///{finished.path}/mlflow.db")


def test_a_cell_is_a_run_with_a_child_a_seed(
    client: MlflowClient, finished: Any
) -> None:
    experiment = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    runs = client.search_runs([experiment.experiment_id])
    [cell] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [
        run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == cell.info.run_id
    ]
    assert cell.info.status == "FINISHED"
    assert {run.data.tags["seed"] for run in children} == {"0", "1"}
    assert (cell.data.tags["method"], cell.data.tags["seeds"]) == ("oer", "0+1")
    assert len(cell.data.tags["data.task_1.transitions"]) == 64
    assert cell.data.params["replay.size"] == "40"
    document = json.loads(
        finished.files()["test/08_reporting/cheetah_vel_signed/medium/oer/metrics.json"]
    )
    assert cell.data.metrics["per"] == pytest.approx(
        document["aggregate"]["per"]["mean"]
    )
    assert cell.data.metrics["seconds"] > 0
    child = next(run for run in children if run.data.tags["seed"] == "1")
    assert child.data.metrics["per_normalised"] == pytest.approx(
        document["per_seed"]["1"]["per_normalised"]
    )
    history = client.get_metric_history(child.info.run_id, "return_deployed.task_1")
    assert [m.step for m in history] == [1, 2, 3]
    assert [m.value for m in history] == pytest.approx(
        [row[0] for row in document["matrix"]["1"]]
    )


def cell_run(client: MlflowClient) -> tuple[Any, Any]:
    """The experiment of the finished project and its one cell."""
    experiment = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    runs = client.search_runs([experiment.experiment_id])
    [cell] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return experiment, cell


def test_an_experiment_is_of_model_training_and_its_best_by_per_is_found(
    client: MlflowClient,
) -> None:
    experiment, cell = cell_run(client)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.tags["mlflow.experiment.primaryMetric.name"] == "per"
    assert {"per", "forgetting", "plasticity", "seeds"} <= set(cell.data.metrics)
    assert cell.data.metrics["seeds"] == 2
    others = [name for name in cell.data.metrics if name.startswith("seconds.")]
    assert not others  # a metric per node hid those that matter
    first = list(cell.data.metrics)[:4]  # what a comparison of runs shows at once
    assert first == ["per", "forgetting", "plasticity", "seeds"]
    [best] = client.search_runs(
        [experiment.experiment_id],
        "metrics.seeds > 0",
        order_by=["metrics.per_normalised DESC"],
        max_results=1,
    )
    assert best.info.run_id == cell.info.run_id


def test_an_experiment_has_a_view_of_its_cells_and_a_link_to_it(
    client: MlflowClient,
) -> None:
    experiment, cell = cell_run(client)
    view = json.loads(experiment.tags["mlflow.sharedViewState.cells"])
    state = json.loads(view["state"])
    names = [name.partition(".")[2].strip("`") for name in state["selectedColumns"]]
    first = ["per", "per_normalised", "forgetting", "plasticity", "seeds"]
    assert names[:5] == first
    assert set(first) <= set(cell.data.metrics)
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`per`", False)
    found = client.search_runs([experiment.experiment_id], state["searchFilter"])
    assert [run.info.run_id for run in found] == [cell.info.run_id]
    link = f"experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"
    assert link in experiment.tags["mlflow.note.content"]
    [shown] = view_links(client, "http://127.0.0.1:5000")
    assert shown.startswith(f"{experiment.name}  http://127.0.0.1:5000/#/{link}")


def test_what_somebody_wrote_about_an_experiment_stays(project: Any) -> None:
    client = MlflowClient(f"sqlite:///{project.path}/mlflow.db")
    name = "test/cheetah_vel_signed/medium"
    number = client.create_experiment(name)
    client.set_experiment_tag(number, "mlflow.note.content", "mine")
    project.run("collection", tasks=1)
    tags = client.get_experiment(number).tags
    assert tags["mlflow.note.content"] == "mine"
    assert set(experiment_tags(number)) <= set(tags)


def test_a_run_names_its_data_sets_and_where_it_comes_from(
    client: MlflowClient, finished: Any
) -> None:
    _, cell = cell_run(client)
    assert cell.data.tags["mlflow.source.name"] == "kedro run"
    assert cell.data.tags["mlflow.source.type"] == "PROJECT"
    given = {entry.dataset.name: entry for entry in cell.inputs.dataset_inputs}
    assert set(given) == {
        f"cheetah_vel_signed/medium/task_{number}" for number in (1, 2, 3)
    }
    first = given["cheetah_vel_signed/medium/task_1"]
    sha256 = cell.data.tags["data.task_1.transitions"]
    assert first.dataset.digest == sha256[:36]
    place = json.loads(first.dataset.source)["uri"]
    assert (finished.path / place).is_file()
    assert [(tag.key, tag.value) for tag in first.tags] == [
        ("mlflow.data.context", "training")
    ]


def test_the_commit_is_told_where_there_is_one() -> None:
    told = source("abc", {"pipeline_names": ["continual", "reporting"]})
    assert told["mlflow.source.name"] == "kedro run --pipelines=continual,reporting"
    assert told["mlflow.source.git.commit"] == "abc"
    assert "mlflow.source.git.commit" not in source("unknown", {})


def test_what_was_asked_and_chosen_is_logged_and_nothing_else(
    client: MlflowClient,
) -> None:
    experiment = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    runs = client.search_runs([experiment.experiment_id])
    [cell] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    groups = {name.partition(".")[0] for name in cell.data.params}
    base = yaml.safe_load((CONF / "parameters.yml").read_text())
    assert groups == (set(base) | {"chosen"}) - {"learners", "bases", "selectors"}
    assert cell.data.params["chosen.selector.name"] == "mbes"
    tuned = yaml.safe_load((CONF / "tuned.yml").read_text())
    weight = tuned["oer"]["parameters"]["learners"]["er_dbc"]["replay_weight"]
    assert cell.data.params["chosen.learner.options.replay_weight"] == str(weight)
    assert not [name for name in cell.data.params if "first_learner" in name]


def test_artefacts_are_logged_and_data_listed_by_hash(client: MlflowClient) -> None:
    experiment = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    [cell] = [
        r
        for r in client.search_runs([experiment.experiment_id])
        if "mlflow.parentRunId" not in r.data.tags
    ]
    top = {item.path for item in client.list_artifacts(cell.info.run_id)}
    assert {"artefacts.json", "metrics", "report", "seed_0", "seed_1"} <= top
    seconds = client.download_artifacts(cell.info.run_id, "seconds.json")
    assert json.loads(Path(seconds).read_text())["task_3.train"] > 0
    assert [
        item.path
        for item in client.list_artifacts(cell.info.run_id, "report/heatmap_png")
    ]
    assert not client.list_artifacts(cell.info.run_id, "task_1/transitions")


def test_a_run_on_data_that_are_there_is_tagged_with_their_hashes(
    resumed: Any,
) -> None:
    """As the cells of grids are."""
    resumed.run("evaluation", force=True)
    client = MlflowClient(f"sqlite:///{resumed.path}/mlflow.db")
    experiment = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    [cell] = [
        run
        for run in client.search_runs([experiment.experiment_id])
        if "mlflow.parentRunId" not in run.data.tags
    ]
    tagged = {tag for tag in cell.data.tags if tag.startswith("data.")}
    assert tagged == {f"data.task_{n}.transitions" for n in (1, 2, 3)}


def test_a_film_is_logged_with_its_page(resumed: Any) -> None:
    """By the next run of the cell; `kedro film` draws it after the first."""
    reports = "data/test/08_reporting/cheetah_vel_signed/medium"
    (resumed.path / reports / "oer" / "film.mp4").write_bytes(b"a film")
    resumed.run("reporting")
    client = MlflowClient(f"sqlite:///{resumed.path}/mlflow.db")
    experiment = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    assert experiment is not None
    newest = client.search_runs(
        [experiment.experiment_id], "tags.stages = 'reporting'", max_results=1
    )[0]
    films = []
    for item in client.list_artifacts(newest.info.run_id, "report/page"):
        films.append(item.path)
    assert films == ["report/page/film.mp4", "report/page/report.html"]


def test_a_server_that_is_down_stops_nothing(
    project: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = project.path / "conf" / "base" / "mlflow.yml"
    settings = yaml.safe_load(path.read_text())
    settings["server"]["mlflow_tracking_uri"] = "http://127.0.0.1:9"
    path.write_text(yaml.safe_dump(settings))
    logging.getLogger("oer_pipeline").propagate = True
    with caplog.at_level(logging.WARNING):
        ran = project.run("collection", tasks=1)
    assert ran == ["task_1.roll_out", "task_1.references"]
    assert "MLflow is out of reach" in caplog.text
