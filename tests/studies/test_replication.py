"""`kedro replicate`: what cannot be made again is one line; what differs is said, by
bytes or by intervals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.orchestration import circumstances
from oer_pipeline.orchestration.processor import processor_kind
from oer_pipeline.orchestration.records import file_sha256
from oer_pipeline.studies import recorded as of_recorded
from oer_pipeline.studies import replication
from oer_pipeline.studies import verdict as of_verdict
from oer_pipeline.studies.recorded import Recorded, recorded
from oer_pipeline.studies.replication import replicate
from oer_pipeline.studies.verdict import Interval, artefacts_of, compared, is_data
from tests.conftest import ROOT

COMMIT = "0" * 40
TAGS = {
    "git_commit": COMMIT,
    "git_changes": "none",
    "processor": processor_kind(),
    "versions": circumstances.versions(),
}
DOCUMENTS: dict[str, Any] = {
    "command.json": {"env": "test", "pipeline_names": ["collection"]},
    "inputs.json": {},
    "artefacts.json": {},
}


def a_run(
    project: Any, tags: dict[str, str], status: str = "FINISHED", left_out: str = ""
) -> str:
    """A run in the project's tracking, by its id."""
    client = MlflowClient(f"sqlite:///{project.path}/mlflow.db")
    number = client.create_experiment("some", str(project.path / "mlartifacts"))
    run: str = client.create_run(number, tags=tags).info.run_id
    for name, document in DOCUMENTS.items():
        if name != left_out:
            client.log_text(run, json.dumps(document), name)
    client.set_terminated(run, status)
    return run


@pytest.mark.parametrize(
    ("tags", "how", "words"),
    [
        ({**TAGS, "git_commit": "unknown"}, {}, "outside of a git repository"),
        ({**TAGS, "git_changes": "src/a.py"}, {}, "that no commit has: src/a.py"),
        ({"git_commit": COMMIT}, {}, "says nothing of its command"),
        ({**TAGS, "mlflow.parentRunId": "abc"}, {}, "is a seed of run abc"),
        (TAGS, {"status": "FAILED"}, "is FAILED"),
        (TAGS, {"left_out": "command.json"}, "has no command.json"),
        (TAGS, {}, f"is of commit {COMMIT}, which this repository does not have"),
    ],
)
def test_what_cannot_be_made_again_is_one_line(
    project: Any,
    tags: dict[str, str],
    how: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = a_run(project, tags, **how)
    monkeypatch.chdir(project.path)
    with pytest.raises(ConfigurationError, match=words) as caught:
        replicate(run, "test")
    assert f"run {run}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_run_is_one_line(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    with pytest.raises(ConfigurationError, match="MLflow has no run 'nothing' here"):
        recorded("nothing", "test")


def _raises(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: time.sleep(3), "no answer within"),
        (lambda _: _raises(ValueError("file is not\na database")), "not a database"),
        (lambda _: _raises(MlflowException("API request failed")), "request failed"),
    ],
)
def test_a_tracker_that_cannot_be_asked_is_one_line(
    answer: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        of_recorded, "_client", lambda _: SimpleNamespace(get_run=answer)
    )
    monkeypatch.setattr(of_recorded, "SECONDS", 0.2)
    said = f"MLflow can't be asked for run 'a': .*{words}"
    with pytest.raises(OERError, match=said) as caught:
        recorded("a", "test")
    assert "\n" not in str(caught.value)


A_RUN = SimpleNamespace(
    info=SimpleNamespace(status="FINISHED"), data=SimpleNamespace(tags=TAGS, params={})
)


@pytest.mark.parametrize(
    ("asked", "answer", "words"),
    [
        ("list_artifacts", lambda *_: time.sleep(3), "no answer within"),
        ("list_artifacts", lambda *_: _raises(MlflowException("503")), "503"),
        ("download_artifacts", lambda *_: time.sleep(3), "no answer within"),
        ("download_artifacts", lambda *_: _raises(OSError("reset")), "reset"),
    ],
)
def test_a_tracker_that_fails_at_a_document_does_not_lack_it(
    asked: str, answer: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was once told as a run without that document, or waited for without end."""
    client = {
        "get_run": lambda _: A_RUN,
        "list_artifacts": lambda *_: [SimpleNamespace(path="command.json")],
        asked: answer,
    }
    monkeypatch.setattr(of_recorded, "_client", lambda _: SimpleNamespace(**client))
    monkeypatch.setattr(of_recorded, "SECONDS", 0.2)
    said = f"MLflow can't be asked for command.json of run 'a': .*{words}"
    with pytest.raises(OERError, match=said) as caught:
        recorded("a", "test")
    assert "\n" not in str(caught.value)


@pytest.fixture
def known(finished: Any) -> Recorded:
    """What MLflow would say of the finished project."""
    made = artefacts_of(finished.path)
    return Recorded(
        run="a",
        commit=COMMIT,
        command={},
        environment="test",
        processor=processor_kind(),
        versions=circumstances.versions(),
        accelerator="cpu",
        asked_accelerator="cpu",
        inputs={},
        artefacts={name: file_sha256(path) for name, path in made.items()},
        metrics=json.loads(made["metrics/metrics.json"].read_text()),
    )


def changed(known: Recorded, name: str) -> Recorded:
    return replace(known, artefacts={**known.artefacts, name: "another"})


def test_artefacts_have_the_names_that_mlflow_has(finished: Any) -> None:
    client = MlflowClient(f"sqlite:///{finished.path}/mlflow.db")
    [experiment] = client.search_experiments(filter_string="name LIKE 'test/%'")
    runs = client.search_runs([experiment.experiment_id])
    [cell] = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    path = client.download_artifacts(cell.info.run_id, "artefacts.json")
    told = json.loads(Path(path).read_text())
    found = artefacts_of(finished.path)
    assert sorted(told) == sorted(found)
    for name, file in found.items():
        assert told[name]["sha256"] == file_sha256(file)
    assert cell.data.tags["processor"] == processor_kind()
    assert cell.data.tags["accelerator"] == "cpu"
    assert cell.data.tags["git_commit"] == "unknown"  # in a temporary folder
    path = client.download_artifacts(cell.info.run_id, "command.json")
    command = json.loads(Path(path).read_text())
    assert command["env"] == "test"
    path = client.download_artifacts(cell.info.run_id, "inputs.json")
    inputs = json.loads(Path(path).read_text())
    assert len(inputs) == 3  # the package's behaviours
    metrics = of_recorded._document(client, cell.info.run_id, of_recorded.METRICS)
    assert metrics == json.loads(found[of_recorded.METRICS].read_text())
    assert of_recorded._document(client, cell.info.run_id, "metrics/none.json") is None


def test_the_same_bytes_are_the_same(known: Recorded, finished: Any) -> None:
    verdict = compared(known, finished.path)
    assert verdict.is_same
    data, trained = verdict.lines
    assert data.startswith("data: ")
    assert data.endswith(" files, the same bytes")
    assert trained.startswith("models, policies and results: ")
    assert verdict.report().endswith("\nit is the same")


@pytest.mark.parametrize("processor", [processor_kind(), "another"])
def test_other_data_are_never_the_same(
    known: Recorded, finished: Any, processor: str
) -> None:
    name = "task_2/transitions/task_2.parquet"
    known = replace(changed(known, name), processor=processor)
    verdict = compared(known, finished.path)
    assert not verdict.is_same
    assert f"  {name}" in verdict.lines


POLICIES = "seed_1/task_2/policies/task_2_policies.safetensors"


def test_other_policies_are_named_on_the_same_kind_of_processor(
    known: Recorded, finished: Any
) -> None:
    verdict = compared(changed(known, POLICIES), finished.path)
    assert not verdict.is_same
    assert f"  {POLICIES}" in verdict.lines
    missing = compared(changed(known, "seed_9/x/x.json"), finished.path)
    assert "  seed_9/x/x.json (was not made)" in missing.lines


@pytest.mark.parametrize(
    "elsewhere", [{"processor": "another"}, {"accelerator": "gpu"}]
)
def test_elsewhere_policies_may_differ_as_far_as_intervals_overlap(
    known: Recorded, finished: Any, elsewhere: dict[str, str]
) -> None:
    known = replace(changed(known, POLICIES), **elsewhere)  # type: ignore[arg-type]
    verdict = compared(known, finished.path)
    assert verdict.is_same
    assert any("are compared by their intervals" in line for line in verdict.lines)
    assert known.metrics is not None
    far = json.loads(json.dumps(known.metrics))
    far["aggregate"]["per"] = {"mean": 900.0, "low": 899.0, "high": 901.0}
    verdict = compared(replace(known, metrics=far), finished.path)
    assert not verdict.is_same
    assert any(line.startswith("  per: 900 (899 to 901)") for line in verdict.lines)


@pytest.mark.parametrize("here", ["cpu", "gpu"])
def test_what_an_automatic_accelerator_came_to_decides(
    known: Recorded, finished: Any, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one machine without a GPU, `auto` once let any other bytes pass as the
    same."""
    tags = {**TAGS, "accelerator": "cpu"}
    data = SimpleNamespace(tags=tags, params={"accelerator": "auto"})
    run = SimpleNamespace(info=A_RUN.info, data=data)
    client = SimpleNamespace(get_run=lambda _: run)
    monkeypatch.setattr(of_recorded, "_client", lambda _: client)
    monkeypatch.setattr(of_recorded, "_document", lambda *_: {})
    monkeypatch.setattr(of_verdict, "accelerator_in_force", lambda _: here)
    found = recorded("a", "test")
    other = changed(known, POLICIES)
    found = replace(found, artefacts=other.artefacts, metrics=known.metrics)
    assert compared(found, finished.path).is_same == (here == "gpu")
    del tags["accelerator"]  # as an older version left it
    assert recorded("a", "test").accelerator == "auto"


def test_elsewhere_what_was_not_made_or_has_no_metrics_is_not_the_same(
    known: Recorded, finished: Any, tmp_path: Path
) -> None:
    elsewhere = replace(known, processor="another")
    missing = compared(changed(elsewhere, "seed_9/x/x.json"), finished.path)
    assert not missing.is_same
    assert "  seed_9/x/x.json (was not made)" in missing.lines
    (tmp_path / "data").mkdir()
    nothing = compared(elsewhere, tmp_path)
    assert not nothing.is_same
    assert "it left metrics, and none were made again" in nothing.lines
    without = compared(
        replace(changed(elsewhere, POLICIES), metrics=None), finished.path
    )
    assert not without.is_same
    assert "it left no metrics, so results can't be compared" in without.lines


def test_other_versions_are_said_where_something_differs(
    known: Recorded, finished: Any
) -> None:
    known = replace(changed(known, POLICIES), versions="torch 1.0")
    assert "made with torch 1.0; here python" in compared(known, finished.path).report()


def test_intervals_overlap_where_they_touch() -> None:
    assert Interval(1.0, 0.0, 2.0).overlaps(Interval(3.0, 2.0, 4.0))
    assert not Interval(1.0, 0.0, 2.0).overlaps(Interval(3.0, 2.1, 4.0))
    assert Interval(1.0, None, None).overlaps(Interval(1.5, 1.0, 2.0))
    assert not Interval(1.0, None, None).overlaps(Interval(1.1, None, None))


def test_data_are_what_collection_and_ingestion_make(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oer_pipeline.orchestration.configuration import configuration_of
    from oer_pipeline.pipeline_registry import pipelines_of

    monkeypatch.chdir(finished.path)
    pipelines = pipelines_of(configuration_of("test").plan({}))
    of_data = set()
    for name in ("collection", "ingestion"):
        of_data |= pipelines[name].all_outputs()
    for pipeline in pipelines.values():
        for output in pipeline.all_outputs():
            folder = output.replace(".", "/")
            assert is_data(f"{folder}/file") == (output in of_data), output


def test_a_command_is_repeated_as_it_was_given() -> None:
    given = {
        "env": "test",
        "pipeline_names": ["continual", "evaluation"],
        "runtime_params": {"learner": {"updates": 40}, "seeds": "0-1"},
        "from_nodes": ["task_1.train"],
    }
    assert replication._options(circumstances.command(given)) == {
        "env": "test",
        "pipelines": "continual,evaluation",
        "params": {"learner": {"updates": 40}, "seeds": "0-1"},
        "from_nodes": "task_1.train",
    }


def test_changed_inputs_are_named(known: Recorded, tmp_path: Path) -> None:
    known = replace(known, inputs={"data/a.parquet": "0" * 64})
    with pytest.raises(ConfigurationError, match=r"took data/a\.parquet, which is m"):
        replication._check_inputs(known, tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.parquet").write_bytes(b"other")
    with pytest.raises(ConfigurationError, match="which has changed since"):
        replication._check_inputs(known, tmp_path)
    known = replace(known, inputs={".../home/me/a.hdf5": "0" * 64})
    with pytest.raises(ConfigurationError, match="outside of the project"):
        replication._check_inputs(known, tmp_path)


@pytest.mark.slow
def test_a_run_is_made_again_from_its_id(tmp_path: Path) -> None:
    """In a clone of this repository: the whole run, then one of its stages alone."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    (clone / "conf/local").mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": f"{clone / 'src'}"}

    def kedro(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "kedro", *words],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    params = "--params=tasks=2,seeds=0,learner.updates=20"
    runs = []
    client = MlflowClient(f"sqlite:///{clone}/mlflow.db")
    for more in ((), ("--pipelines=continual,evaluation", "--tags=task_2")):
        status, said = kedro("run", "--env=test", params, *more)
        assert status == 0, said
        experiments = [e.experiment_id for e in client.search_experiments()]
        found = client.search_runs(experiments, order_by=["attributes.start_time DESC"])
        cells = [r for r in found if "mlflow.parentRunId" not in r.data.tags]
        runs.append(cells[0].info.run_id)
    for run in runs:
        status, said = kedro("replicate", run, "--env=test")
        assert status == 0, said
        assert said.strip().endswith("it is the same")
    path = client.download_artifacts(runs[0], "artefacts.json")
    told = json.loads(Path(path).read_text())
    name = "seed_0/task_2/policies/task_2_policies.safetensors"
    told[name]["sha256"] = "another"
    client.log_text(runs[0], json.dumps(told), "artefacts.json")
    kept = tmp_path / "kept"
    status, said = kedro("replicate", runs[0], "--env=test", f"--keep={kept}")
    assert status == 1, said
    assert f"  {name}" in said
    assert (kept / "clone/data/test").is_dir()
    status, said = kedro("replicate", "nothing", "--env=test")
    assert status == 2, said


def test_configuration_of_another_folder_is_what_no_commit_has(tmp_path: Path) -> None:
    """A run of `--conf-source` could not be made again from the commit."""
    elsewhere = {"env": "test", "conf_source": str(tmp_path)}
    told = circumstances.tags(ROOT, elsewhere)["git_changes"]
    assert told.startswith(f"configuration in {tmp_path}")
    own = {"env": "test", "conf_source": str(ROOT / "conf")}
    assert "configuration in" not in circumstances.tags(ROOT, own)["git_changes"]
