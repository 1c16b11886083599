"""Work that is killed at random instants: what it leaves in the end, byte for byte.

Work runs in processes that are forked from this one, which has imported everything.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

Work = Callable[[Path], None]
"""Does something that goes on where it was; all it keeps lies in the folder given."""
KILLS = "kills at random instants, each followed by a comparison of every byte"
FAILED = 70


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def start(work: Work, folder: Path) -> int:
    """Start work in a process of its own; its number."""
    process = os.fork()
    if process:
        return process
    try:
        work(folder)
    except BaseException:
        traceback.print_exc()
        os._exit(FAILED)
    os._exit(0)


def finish(work: Work, folder: Path) -> float:
    """Let work run to its end; the seconds that it took."""
    began = time.monotonic()
    _, status = os.waitpid(start(work, folder), 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return time.monotonic() - began


def is_killed(work: Work, folder: Path, seconds: float) -> bool:
    """Kill work after so many seconds; whether it had not ended by then."""
    process = start(work, folder)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    exitcode = os.waitstatus_to_exitcode(status)
    assert exitcode in (0, -signal.SIGKILL)
    return exitcode != 0


def survives(work: Work, scratch: Path, kills: int, seed: int) -> int:
    """Kill work so often, at instants drawn from the time that it takes, and compare
    every byte with what it leaves when nobody kills it; how often it was begun anew.

    It goes on where it was until it ends, and is then begun anew for the kills that
    are left.
    """
    whole, folder = scratch / "whole", scratch / "killed"
    whole.mkdir(parents=True)
    seconds = finish(work, whole)
    wanted = files(whole)
    assert wanted
    draw = random.Random(seed)
    begun, left = 0, kills
    while left:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        begun += 1
        while left and is_killed(work, folder, draw.uniform(0.0, seconds)):
            left -= 1
        finish(work, folder)
        found = files(folder)
        assert sorted(found) == sorted(wanted)
        differ = [name for name, content in wanted.items() if found[name] != content]
        assert differ == []
    return begun
