"""A file is fresh only when it is the very one that a step with this fingerprint
wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oer_pipeline.orchestration.records import (
    file_sha256,
    is_fresh,
    read_made,
    record_path,
    write_made,
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "task_1.json"
    path.write_text("{}\n")
    write_made(path, "print", "task_1.ingest", {"raw": "abc"})
    return path


def test_record(made: Path) -> None:
    assert record_path(made) == made.parent / ".made" / "task_1.json.json"
    # printf '{}\n' | sha256sum
    sha = "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
    assert read_made(made) == {
        "fingerprint": "print",
        "sha256": sha,
        "node": "task_1.ingest",
        "inputs": {"raw": "abc"},
    }
    assert is_fresh(made, "print")
    assert not is_fresh(made, "another")


def test_record_has_the_same_bytes_again(made: Path) -> None:
    before = record_path(made).read_bytes()
    write_made(made, "print", "task_1.ingest", {"raw": "abc"})
    assert record_path(made).read_bytes() == before


def test_hand_edited_artefact_is_stale(made: Path) -> None:
    assert is_fresh(made, "print")
    made.write_text("[]\n")  # as long as before
    os.utime(made, ns=(0, made.stat().st_mtime_ns + 1))
    assert not is_fresh(made, "print")
    write_made(made, "print", "task_1.ingest", {})
    assert is_fresh(made, "print")


def test_replaced_within_a_tick_is_stale(made: Path) -> None:
    stat = made.stat()
    other = made.with_name("other")
    other.write_text("[]\n")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, made)
    assert made.stat().st_mtime_ns == stat.st_mtime_ns
    assert not is_fresh(made, "print")


def test_missing_artefact_or_record_is_stale(made: Path) -> None:
    content = made.read_text()
    made.unlink()
    assert not is_fresh(made, "print")
    made.write_text(content)
    assert is_fresh(made, "print")
    record_path(made).unlink()
    assert read_made(made) is None
    assert not is_fresh(made, "print")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"fingerprint": "print"}', "\udc80"]
)
def test_corrupt_record_counts_as_none(made: Path, content: str) -> None:
    record_path(made).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_made(made) is None
    assert not is_fresh(made, "print")


def test_an_unchanged_file_is_read_once(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = file_sha256(made)
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("read again"))
    assert file_sha256(made) == first


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_made(tmp_path / "nothing", "print", "node", {})
    assert not record_path(tmp_path / "nothing").exists()
