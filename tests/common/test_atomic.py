"""A file appears whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.io.core import DatasetError

from oer_pipeline.common.atomic import (
    atomic_folder,
    atomic_path,
    is_abandoned,
    sweep,
    write_atomic,
)
from oer_pipeline.datasets import JSONDataset


def test_new_file_in_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "a.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert (
            temporary.parent == path.parent
        )  # a rename is atomic inside one file system only
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_text_and_bytes_are_written_whole(tmp_path: Path) -> None:
    write_atomic(tmp_path / "deep" / "a.txt", "söwas\n")
    write_atomic(tmp_path / "deep" / "a.bin", b"\x00\xff")
    assert (tmp_path / "deep" / "a.txt").read_bytes() == "söwas\n".encode()
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"\x00\xff"
    assert len(list((tmp_path / "deep").iterdir())) == 2


def test_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with atomic_folder(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text("whole")
        assert not target.exists()
    assert (target / "deep" / "a.txt").read_text() == "whole"

    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "b") as folder:
        (folder / "deep" / "a.txt").write_text("no such folder")
    with pytest.raises(OSError, match="out"), atomic_folder(target) as folder:
        (folder / "a.txt").write_text("other")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in target.iterdir()] == ["deep"]


def test_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(FileNotFoundError), atomic_path(path):
        pass  # nothing was written
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_full_disk_leaves_the_old_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "a.json"))
    dataset.save({"old": 1})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DatasetError, match="No space left"):
        dataset.save({"new": 2})
    assert dataset.load() == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_file_cut_short_by_the_system(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "a.json"))
    dataset.save({"old": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DatasetError, match="File too large"):
            dataset.save({"new": "x" * 5000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert dataset.load() == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from oer_pipeline.common.atomic import atomic_folder, atomic_path, write_atomic

os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("new")
"""


def test_kill_between_write_and_rename(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    left = [p.name for p in tmp_path.iterdir() if p != path]
    assert len(left) == 1
    assert left[0].startswith(".a.txt.")
    assert left[0].endswith(".tmp")


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    """At once, and what a living one writes, or a stranger, stays."""
    path = tmp_path / "a.txt"
    code = [sys.executable, "-c", KILLED, str(path)]
    subprocess.run(code, timeout=60, check=False)
    [left] = tmp_path.iterdir()
    assert is_abandoned(left)
    hidden = tmp_path / ".mine.tmp"
    hidden.write_text("another program's")
    with atomic_path(tmp_path / "b.txt") as living, atomic_folder(tmp_path / "c"):
        living.write_text("half")
        assert sweep(tmp_path) == [left]
        assert living.is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".mine.tmp", "b.txt", "c"]


@pytest.mark.parametrize(
    "name",
    [".a.txt.0a1b2c3d.tmp", f".a.txt.00000000-{os.getpid()}.0a1b2c3d.tmp"],
    ids=["no writer", "a writer elsewhere"],
)
def test_of_another_machine_the_age_tells(tmp_path: Path, name: str) -> None:
    """And of a name without a writer, as names once were."""
    path = tmp_path / name
    path.write_text("half")
    assert sweep(tmp_path) == []
    now = path.stat().st_mtime
    os.utime(path, (now - 3700, now - 3700))
    assert sweep(tmp_path) == [path]
    assert not path.exists()


def test_a_folder_that_is_left_is_swept(tmp_path: Path) -> None:
    left = tmp_path / ".out.0a1b2c3d.tmp"
    (left / "deep").mkdir(parents=True)
    os.utime(left, (0, 0))
    assert sweep(tmp_path) == [left]
    assert not left.exists()


def test_a_folder_that_is_not_there_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "nowhere") == []
