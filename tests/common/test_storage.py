"""A disk that is full or read-only: one line, nothing half-written, nothing lost, and
said before the work where it can be."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from oer_pipeline.common import storage
from oer_pipeline.common.atomic import atomic_folder, atomic_path, write_atomic
from oer_pipeline.common.storage import (
    StorageError,
    check_file,
    check_places,
    storage_error,
)
from oer_pipeline.datasets import SafetensorsDataset

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FULL, "No space left on device; make room"),
        (OSError(errno.EROFS, "x"), "Read-only file system; make it writable"),
        (OSError(errno.EACCES, "x"), "Permission denied; give yourself the right"),
        (NotADirectoryError(errno.ENOTDIR, "x"), "Not a directory; move away what"),
        (
            SafetensorError("I/O error: No space left on device (os error 28)"),
            "No space left on device; make room",
        ),
        (
            OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28]"),
            "No space left on device; make room",
        ),
    ],
)
def test_what_a_disk_refuses_is_one_line(error: Exception, words: str) -> None:
    told = storage_error(Path("data/a"), error)
    assert isinstance(told, StorageError)
    assert str(told).startswith(f"data/a: {words}")


def test_what_is_no_matter_of_the_disk() -> None:
    assert storage_error("a", ValueError("x")) is None
    assert storage_error("a", FileNotFoundError(errno.ENOENT, "x")) is None


def _half_written(file: Path) -> None:
    with atomic_path(file) as new:
        new.write_text("half")
        raise FULL


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_atomic(file, "old")
    with pytest.raises(StorageError, match="a: No space left"):
        _half_written(file)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(StorageError), atomic_folder(tmp_path / "b"):
        raise FULL
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    with pytest.raises(StorageError, match="move away what lies in the way"):
        write_atomic(tmp_path / "a" / "b" / "c", "x")
    with pytest.raises(StorageError, match=r"a: a file lies where a folder belongs"):
        check_places([tmp_path / "a" / "b" / "c"])
    (tmp_path / "d" / "e").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"e: a folder lies where a file belongs"):
        check_places([tmp_path / "d" / "e"])


def test_places_are_tried_and_left_as_they_were(tmp_path: Path) -> None:
    check_places([tmp_path / "x" / "y" / "z", tmp_path / "w"])
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(StorageError, match="Read-only file system; make it writable"):
        check_places([tmp_path / "x" / "y"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_changed_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "mlflow.db"
    check_file(database)
    assert list(tmp_path.iterdir()) == []
    database.write_text("rows")
    check_file(database)
    opened = os.open

    def refuse(path: object, *flags: int) -> int:
        if path == database:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *flags)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match=r"mlflow\.db: Permission denied; give your"):
        check_file(database)
    assert database.read_text() == "rows"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, where that is permitted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("a file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    file = small_disk / "weights.safetensors"
    dataset: Any = SafetensorsDataset(str(file))
    weights = {"a": torch.zeros(500_000)}, {}
    with pytest.raises(Exception, match="No space left on device") as error:
        dataset.save(weights)
    assert isinstance(error.value.__cause__, StorageError)
    assert list(small_disk.iterdir()) == []
    (small_disk / "filled").write_bytes(bytes(2**20 - storage.PROBE.__len__() // 2))
    with pytest.raises(StorageError, match="No space left on device"):
        check_places([file])
