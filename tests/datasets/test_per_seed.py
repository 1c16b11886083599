"""One file a seed, and a list of seeds that a runner may narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

from oer_pipeline.datasets import PerSeedDataset, SeedsDataset


def _per_seed(
    path: Path, seeds: list[int], dataset: Any = "JSONDataset"
) -> PerSeedDataset:
    config = {
        "type": "oer_pipeline.datasets.PerSeedDataset",
        "dataset": dataset,
        "path": str(path),
        "file": "task_1_fidelity.json",
        "seeds": seeds,
    }
    made = AbstractDataset.from_config("x", config)
    assert isinstance(made, PerSeedDataset)
    return made


def test_one_file_a_seed(tmp_path: Path) -> None:
    dataset = _per_seed(tmp_path, [0, 3])
    assert not dataset.exists()
    dataset.save({3: "three", 0: "zero"})
    assert dataset.exists()
    assert dataset.load() == {0: "zero", 3: "three"}
    assert dataset.paths() == {
        s: tmp_path / f"seed_{s}" / "task_1_fidelity.json" for s in (0, 3)
    }
    assert (tmp_path / "seed_3" / "task_1_fidelity.json").read_text() == '"three"\n'


def test_narrowing(tmp_path: Path) -> None:
    dataset = _per_seed(tmp_path, [0, 1])
    dataset.save({0: "zero", 1: "one"})
    kept = (tmp_path / "seed_0" / "task_1_fidelity.json").stat()
    wide = _per_seed(tmp_path, [0, 1, 2])
    assert not wide.exists()
    wide.seeds = [2]
    wide.save({2: "two"})
    assert wide.load() == {2: "two"}
    assert list(wide.paths()) == [2]
    wide.seeds = [0, 1, 2]
    assert wide.load() == {0: "zero", 1: "one", 2: "two"}
    assert (tmp_path / "seed_0" / "task_1_fidelity.json").stat() == kept


@pytest.mark.parametrize("value", [{0: "a", 2: "b"}, {"0": "a"}, {}])
def test_values_of_other_seeds_are_refused(
    value: dict[Any, str], tmp_path: Path
) -> None:
    with pytest.raises(
        DatasetError, match=r"values for seeds .*; the seeds in force are \[0, 1\]"
    ):
        _per_seed(tmp_path, [0, 1]).save(value)
    assert not list(tmp_path.iterdir())


def test_missing_seed_is_named(tmp_path: Path) -> None:
    _per_seed(tmp_path, [0]).save({0: "zero"})
    with pytest.raises(
        DatasetError, match=r"seed_1.*is not there; run the stage that makes it"
    ):
        _per_seed(tmp_path, [0, 1]).load()


@pytest.mark.parametrize(
    "dataset",
    [
        "JSONDataset",
        "oer_pipeline.datasets.JSONDataset",
        {"type": "JSONDataset"},
        {"type": "json.JSONDataset"},
    ],
)
def test_inner_types_as_kedro_finds_them(dataset: Any, tmp_path: Path) -> None:
    made = _per_seed(tmp_path, [0], dataset)
    made.save({0: [1]})
    assert made.load() == {0: [1]}


def test_inner_type_unknown_or_with_a_path(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="JSONDatasett"):
        _per_seed(tmp_path, [0], "JSONDatasett")
    with pytest.raises(DatasetError, match="the inner dataset has a filepath"):
        _per_seed(tmp_path, [0], {"type": "JSONDataset", "filepath": "a.json"})


def test_seeds_dataset() -> None:
    dataset = SeedsDataset(seeds=[0, 1, 2])
    assert dataset.load() == [0, 1, 2]
    dataset.load().append(9)  # a copy
    assert dataset.load() == [0, 1, 2]
    dataset.seeds = [2]
    assert dataset.load() == [2]
    assert dataset.exists()
    assert dataset.paths() == {}
    with pytest.raises(DatasetError, match="no node may save them"):
        dataset.save([1])
