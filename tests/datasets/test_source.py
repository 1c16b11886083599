"""The files that a task's imported data come from, as Kedro sees them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oer_pipeline.datasets import SourceDataset


def dataset(project: Path, path: str, format: str) -> SourceDataset:
    """Of a task whose source is `path`."""
    told = {"path": path, "format": format}
    task: Any = SimpleNamespace(name="task_1", suite="mine", source=told)
    return SourceDataset(task, project)


def write(project: Path, *names: str) -> None:
    """Files without content."""
    for name in names:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_minari_data_set_is_its_data_and_its_metadata(tmp_path: Path) -> None:
    write(tmp_path, "m/data/main_data.hdf5", "m/data/metadata.json")
    found = dataset(tmp_path, "m", "minari")
    assert found.exists()
    assert found.paths() == {
        0: tmp_path / "m/data/main_data.hdf5",
        1: tmp_path / "m/data/metadata.json",
    }


@pytest.mark.parametrize("name", ["main_data.hdf5", "metadata.json"])
def test_of_a_minari_data_set_what_is_there_counts(name: str, tmp_path: Path) -> None:
    write(tmp_path, f"m/data/{name}")
    found = dataset(tmp_path, "m", "minari")
    assert found.exists()
    assert found.paths() == {None: tmp_path / "m/data" / name}


def test_of_a_minari_data_set_that_is_not_there_the_data_are_asked_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "m").mkdir()
    found = dataset(tmp_path, "m", "minari")
    assert not found.exists()
    assert found.paths() == {None: tmp_path / "m/data/main_data.hdf5"}


def test_a_file_is_itself(tmp_path: Path) -> None:
    write(tmp_path, "a.hdf5")
    found = dataset(tmp_path, "a.hdf5", "d4rl")
    assert found.exists()
    assert found.paths() == {None: tmp_path / "a.hdf5"}
