"""MLflow's models: each seed's deployed policy acts as in the pipeline's evaluation."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

import oer_pipeline
from oer_pipeline.datasets import TransitionsDataset
from oer_pipeline.learners.policies import Policies
from oer_pipeline.networks import policy
from oer_pipeline.networks.policy import Standardiser
from oer_pipeline.orchestration.records import file_sha256
from oer_pipeline.orchestration.tracked_models import (
    model_name,
    policy_facts,
    write_model,
)
from tests.tracked_at import tracked_at

EXPERIMENT = "test/cheetah_vel_signed/medium"
MODELS = "data/test/06_models/cheetah_vel_signed/medium/oer"
OUTPUT = "data/test/07_model_output/cheetah_vel_signed/medium/oer"
PICKLES = (b"\x80\x04", b"\x80\x05", b"cloudpickle")
"""What pickled files begin with, and what MLflow says of its own."""


@pytest.fixture
def address(finished: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of the finished project's database, which MLflow's functions ask."""
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    with tracked_at(f"sqlite:///{finished.path}/mlflow.db") as found:
        yield found


def models_of(client: MlflowClient) -> dict[str, Any]:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    found = client.search_logged_models([experiment.experiment_id])
    return {model.tags["seed"]: model for model in found}


def test_a_model_acts_as_the_evaluation_did_bit_for_bit(
    address: str, finished: Any
) -> None:
    models = models_of(MlflowClient(address))
    assert set(models) == {"0", "1"}
    compared = 0
    for seed, logged in models.items():
        model = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
        for task in (1, 2, 3):
            path = finished.path / OUTPUT / f"seed_{seed}/task_{task}_visits.parquet"
            visits = TransitionsDataset(filepath=str(path)).load()
            actions = model.predict(visits.observation, params={"task": task})
            assert actions.dtype == np.float32
            np.testing.assert_array_equal(actions, visits.action)
            few = model.predict(visits.observation[:3], params={"task": task})
            np.testing.assert_array_equal(few, actions[:3])  # however many at once
            compared += actions.size
    assert compared > 1000


def test_a_model_says_what_it_takes_and_has_an_example(address: str) -> None:
    logged = models_of(MlflowClient(address))["1"]
    model = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
    [observations] = model.metadata.get_input_schema().inputs
    assert (observations.type, observations.shape) == (np.float32, (-1, 20))
    [actions] = model.metadata.get_output_schema().inputs
    assert (actions.type, actions.shape) == (np.float32, (-1, 6))
    [task] = model.metadata.get_params_schema().params
    assert (task.name, task.default) == ("task", 3)
    example = model.input_example
    assert model.predict(example).shape == (3, 6)
    newest = model.predict(example, params={"task": 3})
    np.testing.assert_array_equal(model.predict(example), newest)
    for unknown in (0, 4):
        with pytest.raises(Exception, match=f"task is {unknown}; the policy has"):
            model.predict(example, params={"task": unknown})


def test_a_model_is_of_the_cells_run_and_named_by_it(
    address: str, finished: Any
) -> None:
    client = MlflowClient(address)
    for seed, logged in models_of(client).items():
        source = client.get_run(logged.source_run_id)
        assert source.data.metrics["seeds"] == 2
        named = f"runs:/{logged.source_run_id}/oer_seed_{seed}"
        assert mlflow.pyfunc.load_model(named).metadata.model_id == logged.model_id
        outputs = source.outputs.model_outputs
        assert logged.model_id in {output.model_id for output in outputs}
        weights = finished.path / MODELS / f"seed_{seed}/task_3_policies.safetensors"
        assert logged.tags["sha256"] == file_sha256(weights)
        told = {metric.key: metric.value for metric in logged.metrics}
        assert "per" in told


def test_a_model_holds_no_pickle_and_no_machine_path(
    finished: Any, tmp_path: Path
) -> None:
    weights = finished.path / MODELS / "seed_0/task_3_policies.safetensors"
    write_model(tmp_path, weights, "m-1", "run")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 7
    for path in files:
        content = path.read_bytes()
        assert not content.startswith(PICKLES)
        assert os.fsencode(finished.path) not in content
        assert os.fsencode(tmp_path) not in content
        assert os.fsencode(Path(__file__).parents[2]) not in content


def test_requirements_are_those_of_the_installed_versions(
    finished: Any, tmp_path: Path
) -> None:
    weights = finished.path / MODELS / "seed_0/task_3_policies.safetensors"
    write_model(tmp_path, weights, "m-1", "run")
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert f"mlflow=={mlflow.__version__}" in lines
    assert f"numpy=={np.__version__}" in lines


def test_a_package_that_is_not_installed_is_named_by_its_own_version(
    finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "oer_pipeline":
            raise metadata.PackageNotFoundError(name)
        return metadata.version(name)

    monkeypatch.setattr("oer_pipeline.orchestration.tracked_models.version", version)
    weights = finished.path / MODELS / "seed_0/task_3_policies.safetensors"
    write_model(tmp_path, weights, "m-1", "run")
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert f"oer_pipeline=={oer_pipeline.__version__}" in lines


def test_a_single_head_is_found_too(tmp_path: Path) -> None:
    import torch

    from oer_pipeline.datasets import SafetensorsDataset

    generators = [torch.Generator().manual_seed(0)]
    trunk = policy.init_trunk(4, (8,), generators)
    head = policy.init_head(8, 2, policy.SHARED, generators)
    told = {}
    for task in (1, 2):
        told[f"identity.{task}"] = policy.init_identity(4, 8, task, generators)
    identity = {name: next(iter(each.values())) for name, each in told.items()}
    policies = Policies(
        deployed={**trunk, **head, **identity},
        task=None,
        critic={"0.weight": torch.zeros(2, 6, 1), "0.bias": torch.zeros(2, 1, 1)},
        standardisers=(Standardiser.identity(4), Standardiser.identity(4)),
    )
    path = tmp_path / "policies.safetensors"
    saved = (policies.tensors(), policies.header())
    SafetensorsDataset(filepath=str(path)).write(path, saved)
    facts = policy_facts(path)
    assert (facts.tasks, facts.actions, facts.means.shape) == (2, 2, (2, 4))


def test_the_best_run_and_its_policy_as_the_page_says(
    finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of docs/running.md, as it stands, on a database of that suite."""
    page = (Path(__file__).parents[2] / "docs" / "running.md").read_text()
    [program] = re.findall(r"```python\n(import mlflow\n.*?)```", page, flags=re.DOTALL)
    database = tmp_path / "mlflow.db"
    shutil.copy(finished.path / "mlflow.db", database)
    client = MlflowClient(f"sqlite:///{database}")
    number = client.get_experiment_by_name(EXPERIMENT).experiment_id
    client.rename_experiment(number, "cheetah_vel_signed/medium")
    [cell] = client.search_runs([number], "metrics.seeds > 0")
    worse = client.create_run(number).info.run_id
    client.log_metric(worse, "seeds", 5)
    client.log_metric(worse, "per", cell.data.metrics["per"] - 1)
    lone = client.create_run(number).info.run_id  # as of a seed
    client.log_metric(lone, "per", cell.data.metrics["per"] + 1)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    with tracked_at(f"sqlite:///{database}"):
        exec(program, found)
    assert found["best"].info.run_id == cell.info.run_id
    assert found["actions"].shape == (3, 6)


def test_names_of_cells_that_mlflow_refuses() -> None:
    assert model_name("oer-replay.size=5", 1) == "oer-replay_size=5_seed_1"


def test_a_run_that_failed_has_no_model(
    resumed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies that lie there may be those of other parameters."""
    from oer_pipeline.orchestration.runner import FreshRunner

    def fail(*_: object) -> None:
        raise RuntimeError("a node failed")

    monkeypatch.setattr(FreshRunner, "run_nodes", fail)
    with pytest.raises(RuntimeError, match="a node failed"):
        resumed.run()
    client = MlflowClient(f"sqlite:///{resumed.path}/mlflow.db")
    number = client.get_experiment_by_name(EXPERIMENT).experiment_id
    statuses = {run.info.status for run in client.search_runs([number])}
    assert statuses == {"FAILED"}
    [run] = client.search_runs([number])
    assert not {"per", "seeds"} & set(run.data.metrics)
    assert not client.search_logged_models([number])
