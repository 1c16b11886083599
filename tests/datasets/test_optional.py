"""What may be missing is empty, and no stage has to make it."""

from __future__ import annotations

from pathlib import Path

from oer_pipeline.datasets import OptionalJSONDataset
from oer_pipeline.orchestration.artefacts import files_of, is_external


def test_what_is_missing_is_empty(tmp_path: Path) -> None:
    dataset = OptionalJSONDataset(str(tmp_path / "times.json"))
    assert dataset.load() == {}
    assert files_of(dataset) == {}
    assert is_external(dataset)


def test_what_is_there_is_read_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "below" / "times.json"
    dataset = OptionalJSONDataset(str(path))
    dataset.save({"a": 1})
    assert dataset.load() == {"a": 1}
    assert files_of(dataset) == {None: path}
    for damaged in ("{", "[1]", "\x00"):
        path.write_text(damaged)
        assert dataset.load() == {}
