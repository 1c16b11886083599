"""Who is at work: locks of processes, which end as these do."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from oer_pipeline.common.locks import alone, hold, is_held

HOLDER = (
    "import pathlib, sys, time; from oer_pipeline.common.locks import alone\n"
    "with alone(pathlib.Path(sys.argv[1]), print):\n"
    "    print('held', flush=True); time.sleep(60)"
)


def test_the_second_waits_and_says_whose_it_is(tmp_path: Path) -> None:
    lock = tmp_path / "running" / "a.lock"
    heard: list[str] = []
    order: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"

        def second() -> None:
            with alone(lock, heard.append):
                order.append("second")

        thread = threading.Thread(target=second)
        thread.start()
        end = time.monotonic() + 10.0
        while not heard and time.monotonic() < end:
            time.sleep(0.02)
        order.append("first ends")
        process.kill()
        thread.join(10.0)
    assert order == ["first ends", "second"]
    [told] = heard
    assert told.startswith(f"process {process.pid} of {platform.node()}, since 20")
    with alone(lock, heard.append):
        assert len(heard) == 1
    assert len(lock.read_text().splitlines()) == 1


def test_a_file_system_without_locks_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    path = tmp_path / "a.lock"
    with alone(path, pytest.fail):
        pass
    os.close(hold(path))
    assert not is_held(path)


def test_a_lock_ends_with_its_handle(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not is_held(path)
    handle = hold(path)
    assert is_held(path)
    os.close(handle)
    assert not is_held(path)


def test_who_asks_at_the_same_moment_is_no_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.lock"
    other = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)  # as another process's `is_held` does
    monkeypatch.setattr(time, "sleep", lambda _: os.close(other))
    assert not is_held(path)
