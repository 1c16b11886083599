"""Files of others are data: no reader runs what is planted in one, and a run imports
only the code that it uses."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from kedro.io import DatasetError
from safetensors.torch import save_file

from oer_pipeline import datasets, settings
from oer_pipeline.common.errors import OERError
from oer_pipeline.common.json_text import read_json
from oer_pipeline.orchestration.configuration import plans_of
from oer_pipeline.orchestration.records import read_record, record_path
from oer_pipeline.orchestration.yaml_files import read_yaml
from oer_pipeline.suites.importing import import_source
from oer_pipeline.suites.scripted import load_behaviours
from oer_pipeline.suites.suite import Suite
from oer_pipeline.training import checkpoint_file
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl
from oer_pipeline.trajectories.exchange.minari import read_minari
from oer_pipeline.trajectories.exchange.source import FORMATS, Source

TASK = Suite.from_config(
    "planted",
    {"family": "cheetah_vel", "horizon": 3, "tasks": [{"target_velocity": 1.0}]},
).tasks[0]


class Planted:
    """What makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def _pickled(mark: Path) -> bytes:
    return pickle.dumps(Planted(mark))


def _plain(path: Path, mark: Path) -> None:
    path.write_bytes(_pickled(mark))


def _numpy(path: Path, mark: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([Planted(mark)], dtype=object), allow_pickle=True)


def _npz(path: Path, mark: Path) -> None:
    objects = io.BytesIO()
    np.save(objects, np.array([Planted(mark)] * 3, dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("observations", "actions", "rewards", "terminals", "timeouts"):
            archive.writestr(f"{name}.npy", objects.getvalue())


def _torch(path: Path, mark: Path) -> None:
    torch.save({"a": Planted(mark)}, path)


def _hdf5(path: Path, mark: Path) -> None:
    bad = np.void(_pickled(mark))
    with h5py.File(path, "w") as file:
        file.attrs["header"] = bad
        for name in ("observations", "actions", "rewards", "terminals", "data"):
            file[name] = np.array([bad] * 3)
            file[name].attrs["pickled"] = bad


def _parquet(path: Path, mark: Path) -> None:
    field = pa.field(
        "observation",
        pa.binary(),
        metadata={
            "ARROW:extension:name": "arrow.py_extension_type",
            "ARROW:extension:metadata": _pickled(mark),
        },
    )
    described = {"pandas": _pickled(mark), "metadata": _pickled(mark)}
    schema = pa.schema([field], metadata=described)
    table = pa.table({"observation": [_pickled(mark)]}, schema=schema)
    pq.write_table(table, path)


def _safetensors(path: Path, mark: Path) -> None:
    text = _pickled(mark).decode("latin-1")
    save_file({"a": torch.zeros(1)}, path, {"header": text, "record": text})


def _yaml(path: Path, mark: Path) -> None:
    path.write_text(f"a: !!python/object/apply:os.mkdir ['{mark}']\n")


def _json(path: Path, mark: Path) -> None:
    path.write_text(json.dumps({"py/reduce": ["os.mkdir", [str(mark)]]}))


FORMS: dict[str, Callable[[Path, Path], None]] = {
    "pickle": _plain,
    "npy": _numpy,
    "npz": _npz,
    "torch": _torch,
    "hdf5": _hdf5,
    "parquet": _parquet,
    "safetensors": _safetensors,
    "yaml": _yaml,
    "json": _json,
}
DATASETS = (
    "BufferDataset",
    "JSONDataset",
    "OptionalJSONDataset",
    "PNGDataset",
    "SafetensorsDataset",
    "TableDataset",
    "TextDataset",
    "TransitionsDataset",
)
WITHOUT_FILE = {
    "BehaviourDataset",  # load_behaviours
    "CheckpointDataset",  # training.checkpoint_file
    "PerSeedDataset",  # of those above
    "SeedsDataset",
    "SourceDataset",  # import_source
}


def _dataset(name: str) -> Callable[[Path], Any]:
    return lambda path: getattr(datasets, name)(str(path)).load()


def _source(form: str) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        told = {"path": path.name, "format": form, "root": str(path.parent)}
        return import_source(Source(**told), TASK)

    return read


def _record(path: Path) -> Any:
    record_path(path).parent.mkdir()
    record_path(path).write_bytes(path.read_bytes())
    return read_record(path)


def _behaviours(ending: str) -> Callable[[Path], Any]:
    return lambda path: load_behaviours(path.rename(path.with_suffix(ending)))


def _minari(path: Path) -> Any:
    folder = path.parent / "set" / "data"
    folder.mkdir(parents=True)
    for name in ("metadata.json", "main_data.hdf5"):
        (folder / name).write_bytes(path.read_bytes())
    return read_minari(folder.parent)


READERS: dict[str, Callable[[Path], Any]] = {
    **{name: _dataset(name) for name in DATASETS},
    **{f"source {form}": _source(form) for form in FORMATS},
    "behaviours of scripts": _behaviours(".json"),
    "behaviours": _behaviours(".safetensors"),
    "checkpoint": checkpoint_file.read,
    "d4rl": read_d4rl,
    "minari": _minari,
    "record": _record,
    "yaml": read_yaml,
    "json": read_json,
}


def test_every_dataset_has_its_reader_here() -> None:
    assert {*DATASETS, *WITHOUT_FILE} == set(datasets.__all__)


@pytest.mark.parametrize("form", ["pickle", "npy", "npz", "torch"])
def test_what_is_planted_would_run(form: str, tmp_path: Path) -> None:
    """Or the tests below could not fail."""
    file, mark = tmp_path / "file", tmp_path / "mark"
    FORMS[form](file, mark)
    if form == "pickle":
        pickle.loads(file.read_bytes())
    elif form == "npy":
        np.load(file, allow_pickle=True)
    elif form == "npz":
        assert np.load(file, allow_pickle=True)["rewards"].size
    else:
        torch.load(file, weights_only=False)
    assert mark.is_dir()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", FORMS)
def test_no_reader_runs_what_is_planted(form: str, reader: str, tmp_path: Path) -> None:
    file, mark = tmp_path / "file", tmp_path / "mark"
    FORMS[form](file, mark)
    with suppress(OERError, DatasetError):
        READERS[reader](file)
    assert not mark.exists()


def test_a_model_of_mlflow_is_not_unpickled(tmp_path: Path) -> None:
    """The project's settings forbid it, for the whole process."""
    mark = tmp_path / "mark"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(_pickled(mark))
    described = {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": "model.pkl",
                "predict_fn": "predict",
                "python_version": "3.11.0",
            },
            "sklearn": {
                "pickled_model": "model.pkl",
                "serialization_format": "pickle",
                "sklearn_version": "1.0",
            },
        }
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    code = (
        "import oer_pipeline.settings, mlflow.pyfunc, sys\n"
        "mlflow.pyfunc.load_model(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True
    )
    assert "MLFLOW_ALLOW_PICKLE_DESERIALIZATION" in done.stderr
    assert not mark.exists()
    assert settings.os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"


def test_no_planted_output_of_dvc_is_unpickled(resumed: Any, tmp_path: Path) -> None:
    """Every file that a grid's stages have as outputs, replaced with its record
    kept."""
    mark = tmp_path / "mark"
    replaced = 0
    for file in sorted((resumed.path / "data").rglob("*")):
        if file.is_file() and ".made" not in file.parts and file.suffix != ".lock":
            file.write_bytes(_pickled(mark))
            replaced += 1
    assert replaced > 40
    with pytest.raises(OERError, match=r"damaged|changed|another"):
        resumed.run("reporting")
    assert not mark.exists()


PLUGIN = """
from pathlib import Path
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.selection.uniform import Uniform

Path({mark!r}).touch()


class Mine(Learner):
    pass


class Chosen(Uniform):
    pass
"""


def test_only_the_code_that_a_run_uses_is_imported(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = project.path / "plugins"
    plugins.mkdir()
    for name in ("used", "unused"):
        mark = str(project.path / f"{name}.mark")
        (plugins / f"planted_{name}.py").write_text(PLUGIN.format(mark=mark))
    told = {
        "learners": {n: {"class": f"planted_{n}:Mine"} for n in ("used", "unused")},
        "selectors": {"unused": {"class": "planted_unused:Chosen"}},
    }
    parameters = project.path / "conf/base/parameters_mine.yml"
    parameters.write_text(yaml.safe_dump(told))
    suites = project.path / "conf/base/suites_mine.yml"
    environment = {"id": "planted_unused:Name-v0"}
    suite = {"family": "gymnasium", "horizon": 10, "tasks": [environment]}
    suites.write_text(yaml.safe_dump({"mine": suite}))
    monkeypatch.chdir(project.path)
    plans_of([""], "test")
    assert not list(project.path.glob("*.mark"))
    plans_of(["method=used"], "test")
    assert [path.name for path in project.path.glob("*.mark")] == ["used.mark"]
    for name in ("planted_used", "planted_unused"):
        sys.modules.pop(name, None)
