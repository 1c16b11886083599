"""The export command: the right format, whole files or none, one line for what cannot
be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.trajectories.exchange import export as module
from oer_pipeline.trajectories.exchange.d4rl import read_d4rl
from oer_pipeline.trajectories.exchange.export import dataset_id, export
from oer_pipeline.trajectories.exchange.minari import read_minari
from oer_pipeline.trajectories.exchange.round_trip import restore
from oer_pipeline.trajectories.table import Trajectories, write_trajectories


@pytest.fixture
def file(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    path = draw.standard_normal((5, 3), dtype=np.float32)
    last = np.arange(4) == 3
    table = Trajectories(
        path[:-1],
        draw.uniform(-1, 1, (4, 2)).astype(np.float32),
        path[1:],
        np.ones(4, np.float32),
        np.zeros(4, bool),
        last,
        np.zeros(4, np.int32),
        np.arange(4, dtype=np.int32),
        {"suite": "s", "horizon": 4},
    )
    write_trajectories(tmp_path / "table.parquet", table)
    return tmp_path / "table.parquet"


def test_both_formats(file: Path) -> None:
    out, folder = file.with_name("out.hdf5"), file.with_name("out-v1")
    export(file, out)
    export(file, folder, "minari")
    for found in (read_d4rl(out), read_minari(folder / "data" / "main_data.hdf5")):
        assert restore(found).metadata == {"suite": "s", "horizon": 4}
    assert sorted(p.name for p in file.parent.iterdir()) == [
        "out-v1",
        "out.hdf5",
        "table.parquet",
    ]


def test_refusals(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="the format is not clear"):
        export(file, file.with_name("out"))
    with pytest.raises(DataError, match="no such file"):
        export(file.with_name("nowhere.parquet"), file.with_name("out.hdf5"))
    file.with_name("taken").mkdir()
    with pytest.raises(ConfigurationError, match="taken: it is there already"):
        export(file, file.with_name("taken"), "minari")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataError, match="not a readable Parquet file"):
        export(file, file.with_name("out.hdf5"))
    assert sorted(p.name for p in file.parent.iterdir()) == ["table.parquet", "taken"]


def test_whole_or_not_at_all(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_a_file(path: Path, _: object) -> None:
        path.write_text("half")
        raise OSError("no space left on device")

    def half_a_folder(folder: Path, *_: object) -> None:
        half_a_file(folder / "metadata.json", None)

    monkeypatch.setattr(module, "write_d4rl", half_a_file)
    monkeypatch.setattr(module, "write_minari", half_a_folder)
    file.with_name("out.hdf5").write_text("old")
    for out, to in (("out.hdf5", None), ("out", "minari")):
        with pytest.raises(OSError, match="no space left"):
            export(file, file.with_name(out), to)
    assert sorted(p.name for p in file.parent.iterdir()) == [
        "out.hdf5",
        "table.parquet",
    ]
    assert file.with_name("out.hdf5").read_text() == "old"


def test_dataset_id() -> None:
    assert (
        dataset_id(Path("/home/me/.minari/datasets/cheetah/medium-v3"))
        == "cheetah/medium-v3"
    )
    below_another = Path("/datasets/alice/.minari/datasets/ant/medium-v0")
    assert dataset_id(below_another) == "ant/medium-v0"
    assert dataset_id(Path("/somewhere/my data")) == "my_data-v0"
    assert dataset_id(Path("/somewhere/task_1-v2")) == "task_1-v2"
