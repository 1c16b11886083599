"""A file is fresh only when it is the very one that a step with this fingerprint wrote
in its place."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from oer_pipeline.orchestration.records import (
    Record,
    file_sha256,
    has_old_record,
    is_fresh,
    place_of,
    read_record,
    record_path,
    write_record,
)

# printf '{}\n' | sha256sum
SHA = "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
RECORD = Record(
    file="data/task_1.json",
    dataset="task_1.card",
    seed=None,
    node="task_1.ingest",
    fingerprint="print",
    sha256=SHA,
    recipe={"code": "abc", "libraries": {"numpy": "2.4.6"}},
    inputs={"task_1.raw_medium": {"data/medium.parquet": "abc"}},
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "task_1.json"
    path.parent.mkdir()
    path.write_text("{}\n")
    write_record(path, RECORD)
    return path


def fresh(path: Path, fingerprint: str = "print") -> bool:
    return is_fresh(path, fingerprint, path.parents[1])


def test_record(made: Path) -> None:
    assert record_path(made) == made.parent / ".made" / "task_1.json.json"
    assert read_record(made) == RECORD
    assert file_sha256(made) == SHA
    assert fresh(made)
    assert not fresh(made, "another")


def test_record_has_the_same_bytes_again(made: Path) -> None:
    before = record_path(made).read_bytes()
    write_record(made, RECORD)
    assert record_path(made).read_bytes() == before


def test_hand_edited_artefact_is_stale(made: Path) -> None:
    assert fresh(made)
    made.write_text("[]\n")  # as long as before
    assert not fresh(made)


def test_a_file_renamed_into_place_within_a_tick_of_the_clock_is_seen(
    made: Path,
) -> None:
    assert fresh(made)
    stat = made.stat()
    other = made.with_name("other")
    other.write_text("[]\n")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, made)
    assert made.stat().st_mtime_ns == stat.st_mtime_ns
    assert not fresh(made)


def test_missing_artefact_or_record_is_stale(made: Path) -> None:
    content = made.read_text()
    made.unlink()
    assert not fresh(made)
    made.write_text(content)
    assert fresh(made)
    record_path(made).unlink()
    assert read_record(made) is None
    assert not fresh(made)


def test_a_file_and_its_record_do_not_stand_in_for_another(made: Path) -> None:
    other = made.with_name("task_2.json")
    shutil.copy(made, other)
    shutil.copy(record_path(made), record_path(other))
    assert not fresh(other)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"fingerprint": "print"}',
        json.dumps({"form": 2, **vars(replace(RECORD, inputs=[]))}),  # type: ignore[arg-type]
        json.dumps({"form": 2, **vars(RECORD), "more": 1}),
        "\udc80",
    ],
)
def test_corrupt_record_counts_as_none(made: Path, content: str) -> None:
    record_path(made).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_record(made) is None
    assert not fresh(made)


def test_a_record_of_the_older_form_counts_as_none_and_is_known(made: Path) -> None:
    assert not has_old_record(made)
    old = {"fingerprint": "print", "sha256": SHA, "node": "n", "inputs": {"a": "b"}}
    record_path(made).write_text(json.dumps(old))
    assert read_record(made) is None
    assert has_old_record(made)
    assert not fresh(made)


def test_places_name_no_machine(tmp_path: Path) -> None:
    assert place_of(tmp_path / "data/01_raw/x", tmp_path) == "data/01_raw/x"
    outside = place_of(Path("/home/me/big/a/b/c/d/e/f.parquet"), tmp_path)
    assert outside == ".../a/b/c/d/e/f.parquet"


def test_an_unchanged_file_is_read_once(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = file_sha256(made)
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("read again"))
    assert file_sha256(made) == first


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "nothing")
