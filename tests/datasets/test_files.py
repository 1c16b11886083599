"""Every one-file dataset: round trip, the same bytes again, and a clear refusal of what
is not its format."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from kedro.io import AbstractDataset
from kedro.io.core import DatasetError
from safetensors.torch import save_file

from oer_pipeline import datasets
from oer_pipeline.common.errors import DataError
from oer_pipeline.datasets.file import FileDataset
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

PNG = b"\x89PNG\r\n\x1a\nrest"


def _frame() -> pd.DataFrame:
    columns = {
        "method": ["oer", "er"],
        "seed": [0, 1],
        "per": [1.5, float("nan")],
        "learned": [True, False],
    }
    return pd.DataFrame(columns)


def _weights() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    stack = torch.arange(24.0).view(2, 3, 4)
    tensors = {
        "b": stack[1],
        "a": stack[0],
        "t": stack[0].t(),
        "step": torch.tensor(3),
        "ok": torch.tensor([True]),
    }
    return tensors, {"sizes": [3, 4], "mean": 0.5, "a": None}


def _dataset(kind: str, path: Path) -> FileDataset:
    made = AbstractDataset.from_config(
        "x", {"type": f"oer_pipeline.datasets.{kind}", "filepath": str(path)}
    )
    assert isinstance(made, FileDataset)
    return made


@pytest.fixture
def values(table: Trajectories, buffer: ReplayBuffer) -> dict[str, Any]:
    return {
        "TransitionsDataset": table,
        "BufferDataset": buffer,
        "SafetensorsDataset": _weights(),
        "JSONDataset": {"b": [1, 2.5, None, "é"], "a": {"y": True}},
        "TableDataset": _frame(),
        "TextDataset": "# Title\r\nné\n",
        "PNGDataset": PNG,
    }


KINDS = [
    name
    for name in datasets.__all__
    if name
    not in (
        "PerSeedDataset",
        "SeedsDataset",
        "BehaviourDataset",
        "SourceDataset",
        "CheckpointDataset",
        "OptionalJSONDataset",
    )
]
BINARY = [kind for kind in KINDS if kind != "TextDataset"]


@pytest.mark.parametrize("kind", KINDS)
def test_rewrite_of_what_was_read_gives_the_same_bytes(
    kind: str, values: dict[str, Any], tmp_path: Path
) -> None:
    one, two = _dataset(kind, tmp_path / "one"), _dataset(kind, tmp_path / "two")
    assert not one.exists()
    one.save(values[kind])
    two.save(one.load())
    assert one.exists()
    assert one.paths() == {None: tmp_path / "one"}
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_values_come_back(values: dict[str, Any], tmp_path: Path) -> None:
    back = {}
    for kind, value in values.items():
        _dataset(kind, tmp_path / kind).save(value)
        back[kind] = _dataset(kind, tmp_path / kind).load()
    for kind in ("JSONDataset", "TextDataset", "PNGDataset"):
        assert back[kind] == values[kind]
    assert (
        back["TransitionsDataset"].content_hash()
        == values["TransitionsDataset"].content_hash()
    )
    assert (
        back["BufferDataset"].content_hash() == values["BufferDataset"].content_hash()
    )
    pd.testing.assert_frame_equal(back["TableDataset"], values["TableDataset"])
    (tensors, header), (wanted, wanted_header) = (
        back["SafetensorsDataset"],
        values["SafetensorsDataset"],
    )
    assert header == wanted_header
    assert tensors.keys() == wanted.keys()
    assert all(
        torch.equal(tensors[n], t) and tensors[n].dtype == t.dtype
        for n, t in wanted.items()
    )


@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize("broken", ["empty", "half", "pickle"])
def test_broken_files(
    kind: str, broken: str, values: dict[str, Any], tmp_path: Path
) -> None:
    dataset, path = _dataset(kind, tmp_path / "file.x"), tmp_path / "file.x"
    dataset.save(values[kind])
    whole = path.read_bytes()
    half = whole[: 4 if kind == "PNGDataset" else len(whole) // 2]
    path.write_bytes(
        {"empty": b"", "half": half, "pickle": pickle.dumps({"a": 1.0})}[broken]
    )
    with pytest.raises(DatasetError, match=r"file\.x") as error:
        dataset.load()
    assert isinstance(error.value.__cause__, DataError)
    assert str(path) in str(error.value.__cause__)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_file(kind: str, tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"nowhere is not there; run the stage that makes it"
    ):
        _dataset(kind, tmp_path / "nowhere").load()


REFUSED: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    (
        "JSONDataset",
        lambda _: {"returns": [1.0, float("nan")]},
        r"file\.x: returns\.1 is not a finite number",
    ),
    (
        "JSONDataset",
        lambda _: float("inf"),
        r"file\.x: the value is not a finite number",
    ),
    ("JSONDataset", lambda _: {"a": np.float32(1)}, r"file\.x: not plain JSON"),
    (
        "SafetensorsDataset",
        lambda _: ({}, {"loss": float("inf")}),
        r"file\.x: loss is not a finite number",
    ),
    (
        "TableDataset",
        lambda _: _frame().set_index("seed"),
        r"the index \['seed'\] would be lost; reset_index",
    ),
    ("PNGDataset", lambda _: b"GIF89a", r"not a PNG picture: it starts with b'GIF89a'"),
    (
        "TransitionsDataset",
        lambda v: replace(
            v["TransitionsDataset"], reward=np.full(6, np.nan, np.float32)
        ),
        r"file\.x: column reward, row 0: must be finite",
    ),
    (
        "BufferDataset",
        lambda v: replace(v["BufferDataset"], row=np.array([1, 1])),
        r"file\.x: column row, row 1: must be distinct",
    ),
]


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED)
def test_refused_values_leave_nothing(
    kind: str,
    value: Callable[[dict[str, Any]], Any],
    message: str,
    values: dict[str, Any],
    tmp_path: Path,
) -> None:
    with pytest.raises(DatasetError, match=message):
        _dataset(kind, tmp_path / "file.x").save(value(values))
    assert not list(tmp_path.iterdir())


def test_json_is_sorted_and_ends_with_a_newline(tmp_path: Path) -> None:
    _dataset("JSONDataset", tmp_path / "a").save({"b": 1, "a": [2]})
    assert (tmp_path / "a").read_text() == '{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'


def test_json_with_nan_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"a": NaN}')
    with pytest.raises(DatasetError, match="found NaN; JSON has numbers and null only"):
        _dataset("JSONDataset", tmp_path / "a").load()


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pickle.dumps({"a": 1.0}))
    with pytest.raises(DatasetError, match="not UTF-8 text"):
        _dataset("TextDataset", tmp_path / "a").load()


def test_foreign_safetensors(tmp_path: Path) -> None:
    for metadata in (None, {"other": "1"}):
        save_file({"a": torch.zeros(2)}, tmp_path / "a", metadata=metadata)
        with pytest.raises(DatasetError, match="without our JSON `header`"):
            _dataset("SafetensorsDataset", tmp_path / "a").load()


def test_safetensors_bytes_do_not_follow_the_order_of_names(tmp_path: Path) -> None:
    tensors, header = _weights()
    _dataset("SafetensorsDataset", tmp_path / "a").save((tensors, header))
    backwards = dict(reversed(tensors.items())), dict(reversed(header.items()))
    _dataset("SafetensorsDataset", tmp_path / "b").save(backwards)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    length = int.from_bytes((tmp_path / "a").read_bytes()[:8], "little")
    stored = json.loads((tmp_path / "a").read_bytes()[8 : 8 + length])
    assert json.loads(stored["__metadata__"]["header"]) == header


def test_table_keeps_no_trace_of_pandas(tmp_path: Path) -> None:
    frame = _frame()
    _dataset("TableDataset", tmp_path / "a").save(frame)
    _dataset("TableDataset", tmp_path / "b").save(pd.concat([frame, frame]).iloc[2:])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"pandas" not in (tmp_path / "a").read_bytes()


def test_metadata_for_the_viewer() -> None:
    assert datasets.TextDataset(
        filepath="a", metadata={"kedro-viz": {"layer": "reporting"}}
    ).metadata == {"kedro-viz": {"layer": "reporting"}}


def test_import_is_light() -> None:
    code = (
        "import sys, oer_pipeline.datasets; print(sorted({'torch', 'pandas', 'mujoco'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_checkpoint_is_a_place_that_says_nothing_of_what_is_made(
    tmp_path: Path,
) -> None:
    dataset = datasets.CheckpointDataset(
        str(tmp_path / "cell"), "task_1.safetensors", every_seconds=7.5
    )
    assert dataset.load() == (tmp_path / "cell" / "task_1.safetensors", 7.5, None)
    dataset.recipe = "print"
    assert dataset.load()[2] == "print"
    own = tmp_path / "cell" / "task_1-print.safetensors"
    assert dataset.load()[0] == own
    own.parent.mkdir()
    own.touch()
    (tmp_path / "cell" / "task_1-other.safetensors").touch()
    dataset.remove()
    assert [path.name for path in own.parent.iterdir()] == ["task_1-other.safetensors"]
    assert dataset.exists()
    assert dataset.paths() == {}
    with pytest.raises(DatasetError, match="its training's own"):
        dataset.save(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "groups inside one another, too deep"),
        ('{"a":' * 100_000, "groups inside one another, too deep"),
        ('{"a": 1e999}', "1e999 is no finite number"),
        ('{"a": -Infinity}', "found -Infinity; JSON has numbers and null only"),
        ("9" * 5_000, "not a readable JSON file"),
        ('{"a": 1', "not a readable JSON file"),
    ],
)
def test_hostile_json_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(DatasetError, match=words) as error:
        _dataset("JSONDataset", tmp_path / "a").load()
    assert isinstance(error.value.__cause__, DataError)
    assert len(str(error.value.__cause__).splitlines()) == 1
    header = {"header": text}
    save_file({"a": torch.zeros(2)}, tmp_path / "b", metadata=header)
    with pytest.raises(DatasetError, match=words):
        _dataset("SafetensorsDataset", tmp_path / "b").load()


def test_a_value_that_holds_itself_is_not_saved(tmp_path: Path) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(DatasetError, match="not plain JSON"):
        _dataset("JSONDataset", tmp_path / "a").save(circle)


def _memory() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_table_that_claims_more_than_its_file_can_hold(tmp_path: Path) -> None:
    """One of 1.4 MB once took 6.4 GB."""
    one = pa.array(np.zeros(2_000_000))
    columns = {f"c{number}": one for number in range(20)}
    pq.write_table(pa.table(columns), tmp_path / "a", compression="zstd")
    assert (tmp_path / "a").stat().st_size < 200_000
    before = _memory()
    with pytest.raises(DatasetError, match="claims 2000000 rows of 320000000 bytes"):
        _dataset("TableDataset", tmp_path / "a").load()
    assert _memory() - before < 100_000  # KiB


def test_a_text_that_is_there_a_million_times(tmp_path: Path) -> None:
    index = pa.array(np.zeros(20_000_000, np.int8))
    texts = pa.DictionaryArray.from_arrays(index, pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"a": texts}), tmp_path / "a")
    with pytest.raises(DatasetError, match=r"20000000 rows take .* bytes of memory"):
        _dataset("TableDataset", tmp_path / "a").load()


@pytest.mark.parametrize(
    "described", [b"{", b"[]", b"{}", b'{"columns": 3}', b'{"index_columns": ["gone"]}']
)
def test_broken_descriptions_of_pandas_change_nothing(
    described: bytes, tmp_path: Path
) -> None:
    table = pa.table({"a": [1, 2]}).replace_schema_metadata({"pandas": described})
    pq.write_table(table, tmp_path / "a")
    frame = _dataset("TableDataset", tmp_path / "a").load()
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"a": [1, 2]}))


def test_what_a_table_does_not_know_is_previewed_as_nothing(tmp_path: Path) -> None:
    """Kedro-Viz sends previews as JSON, which has no NaN."""
    table: Any = _dataset("TableDataset", tmp_path / "a.parquet")
    table.save(_frame())
    assert table.preview(rows=2) == {
        "index": [0, 1],
        "columns": ["method", "seed", "per", "learned"],
        "data": [["oer", 0, 1.5, True], ["er", 1, None, False]],
    }
    assert len(table.preview(rows=1)["data"]) == 1
