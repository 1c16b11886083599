"""The deployed policy of a seed as a LoggedModel of MLflow: pyfunc, from code.

The folder is written by hand: MLflow's own way runs the model, looks for what it
imports, and notes paths of this machine. Shapes: N observations of size D, actions of
size A, n tasks.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from oer_pipeline import __version__
from oer_pipeline.common.json_text import parse_json
from oer_pipeline.common.types import FloatArray
from oer_pipeline.orchestration.internals import MODEL_LOADER
from oer_pipeline.orchestration.records import file_sha256

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from oer_pipeline.orchestration.cell_run import CellRun

CODE = Path(__file__).with_name("served_policy.py")
WEIGHTS = "policy"
"""Name of the artefact, as `served_policy` asks for it."""
WEIGHTS_FILE = "artifacts/policy.safetensors"
EXAMPLE_FILE, SERVING_FILE = "input_example.json", "serving_input_example.json"
REQUIREMENTS_FILE, ENVIRONMENT_FILE = "requirements.txt", "python_env.yaml"
REQUIRED = ("mlflow", "numpy", "safetensors", "torch")
"""What a model imports beside this package."""
NOT_IN_NAMES = "/:.%\"'"
"""What MLflow refuses in the name of a model; cells of grids have dots."""


@dataclass(frozen=True)
class PolicyFacts:
    """What a file of policies tells without being loaded.

    Attributes:
        tasks: n, how many the policy has learned.
        actions: A.
        means: the mean observation of each task, (n, D) float32.
    """

    tasks: int
    actions: int
    means: FloatArray


def log_policy(cell: CellRun, run: str, seed: int, path: Path) -> str:
    """The id of the model that the policy was logged as.

    Args:
        cell: the open run of the cell, which the model comes from: the column Models
            of MLflow's table goes by it.
        run: id of the seed's.
        seed: of the policy.
        path: the pipeline's file of its policies after the last task.
    """
    from mlflow.entities import LoggedModelOutput

    plan = cell.plan
    about = {
        "suite": plan.suite_folder,
        "quality": plan.quality_folder,
        "method": plan.method,
        "cell": plan.cell,
        "seed": str(seed),
    }
    facts = policy_facts(path)
    model = cell.client.create_logged_model(
        cell.experiment,
        name=model_name(plan.cell, seed),
        source_run_id=cell.run,
        tags={**about, "sha256": file_sha256(path)},
        params={**about, "tasks": str(facts.tasks)},
        model_type="policy",
    )
    identity: str = model.model_id
    with TemporaryDirectory() as folder:
        write_model(Path(folder), path, identity, cell.run)
        cell.client.log_model_artifacts(identity, folder)
    cell.client.finalize_logged_model(identity, "READY")
    for each in (run, cell.run):
        cell.client.log_outputs(each, [LoggedModelOutput(identity, facts.tasks)])
    return identity


def model_name(cell: str, seed: int) -> str:
    """The cell's name and the seed, without the characters that MLflow refuses."""
    name = f"{cell}_seed_{seed}"
    for character in NOT_IN_NAMES:
        name = name.replace(character, "_")
    return name


def policy_facts(path: Path) -> PolicyFacts:
    """What the file tells; torch is not needed for it.

    Args:
        path: of a seed's policies.
    """
    from safetensors import safe_open

    means = []
    actions = 0
    with safe_open(path, framework="numpy") as file:
        header = parse_json(file.metadata()["header"], f"{path}, its header")
        for task in range(1, header["tasks"] + 1):
            means.append(file.get_tensor(f"observation/{task}.mean"))
        for name in file.keys():  # noqa: SIM118 - not a dict
            if name.startswith("deployed/head.") and name.endswith(".bias"):
                actions = file.get_slice(name).get_shape()[-1]
    return PolicyFacts(header["tasks"], actions, np.stack(means))


def write_model(folder: Path, path: Path, identity: str, run: str) -> None:
    """A model as MLflow loads it, with the mean observations as its example.

    Args:
        folder: to write in.
        path: of the seed's policies.
        identity: of the model.
        run: id of the one that it comes from.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    facts = policy_facts(path)
    weights = folder / WEIGHTS_FILE
    weights.parent.mkdir()
    shutil.copyfile(path, weights)
    shutil.copyfile(CODE, folder / CODE.name)
    _write_environment(folder)
    example = facts.means.tolist()
    _write_json(folder / EXAMPLE_FILE, example)
    _write_json(folder / SERVING_FILE, {"inputs": example})
    model = Model(
        signature=_signature(facts),
        saved_input_example_info={
            "artifact_path": EXAMPLE_FILE,
            "serving_input_path": SERVING_FILE,
            "type": "ndarray",
        },
        model_uuid=identity,
        model_id=identity,
        run_id=run,
    )
    pyfunc.add_to_model(
        model,
        loader_module=MODEL_LOADER,
        model_code_path=CODE.name,
        python_env=ENVIRONMENT_FILE,
        artifacts={WEIGHTS: {"path": WEIGHTS_FILE, "uri": WEIGHTS_FILE}},
        streamable=False,
    )
    model.save(str(folder / "MLmodel"))


def _signature(facts: PolicyFacts) -> ModelSignature:
    """Observations (N, D) and, by a parameter, the number of the task -> actions
    (N, A)."""
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    single = np.dtype("float32")
    observations = TensorSpec(single, (-1, facts.means.shape[1]))
    actions = TensorSpec(single, (-1, facts.actions))
    task = ParamSpec("task", DataType.long, facts.tasks)
    return ModelSignature(
        inputs=Schema([observations]),
        outputs=Schema([actions]),
        params=ParamSchema([task]),
    )


def _write_environment(folder: Path) -> None:
    """Python's version and those of what the model imports."""
    # Not asked of the installation: a run from the sources alone has none.
    lines = [f"oer_pipeline=={__version__}\n"]
    for name in REQUIRED:
        public, _, _ = version(name).partition("+")
        lines.append(f"{name}=={public}\n")
    (folder / REQUIREMENTS_FILE).write_text("".join(lines), encoding="utf-8")
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": [f"-r {REQUIREMENTS_FILE}"],
    }
    text = yaml.safe_dump(environment, sort_keys=False)
    (folder / ENVIRONMENT_FILE).write_text(text, encoding="utf-8")


def _write_json(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
