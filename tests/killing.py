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
from dataclasses import dataclass
from pathlib import Path

KILLS = "kills at random instants, every byte compared afterwards"
"""What the figures of all these tests are about."""
FAILED = 70


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def nothing(_: Path) -> None:
    """Prepares nothing."""


@dataclass(frozen=True)
class Work:
    """Something that goes on where it was when it is started again.

    Attributes:
        run: does it, or replaces the process by one that does; all that it keeps lies
            in the folder given.
        prepare: what has to lie in the folder before.
        look: the files to compare.
        group: whether a kill meets what the process has started, too.
    """

    run: Callable[[Path], None]
    prepare: Callable[[Path], None] = nothing
    look: Callable[[Path], dict[str, bytes]] = files
    group: bool = False

    def start(self, folder: Path) -> int:
        """Start it in a process of its own; its number."""
        process = os.fork()
        if process:
            return process
        try:
            os.setsid()
            self.run(folder)
        except BaseException:
            traceback.print_exc()
            os._exit(FAILED)
        os._exit(0)

    def finish(self, folder: Path) -> float:
        """Let it run to its end; the seconds that it took."""
        began = time.monotonic()
        _, status = os.waitpid(self.start(folder), 0)
        assert os.waitstatus_to_exitcode(status) == 0
        return time.monotonic() - began

    def is_killed(self, folder: Path, seconds: float) -> bool:
        """Kill it after so many seconds; whether it had not ended by then."""
        process = self.start(folder)
        time.sleep(seconds)
        kill = os.killpg if self.group else os.kill
        kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        exitcode = os.waitstatus_to_exitcode(status)
        assert exitcode in (0, -signal.SIGKILL)
        return exitcode != 0


def survives(
    work: Work, scratch: Path, kills: int, seed: int, within: float = 1.0
) -> None:
    """Kill work so often, and compare every byte with what it leaves when nobody does.

    It goes on where it was until it ends, and is begun anew for the kills that are
    left.

    Args:
        work: to be killed.
        scratch: a folder for it.
        kills: how often.
        seed: of the instants.
        within: each instant is drawn from this share of the time that the work takes.
    """
    whole = scratch / "whole"
    whole.mkdir(parents=True)
    work.prepare(whole)
    seconds = work.finish(whole)
    goes_on(work, whole, scratch / "killed", kills, seed, within * seconds)


def goes_on(
    work: Work, whole: Path, folder: Path, kills: int, seed: int, seconds: float
) -> None:
    """As `survives`, with the `whole` of a run that was not killed, and instants from
    the first `seconds`."""
    wanted = work.look(whole)
    assert wanted
    draw = random.Random(seed)
    left = kills
    while left:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        work.prepare(folder)
        while left and work.is_killed(folder, draw.uniform(0.0, seconds)):
            left -= 1
        work.finish(folder)
        found = work.look(folder)
        assert sorted(found) == sorted(wanted)
        differ = [name for name, content in wanted.items() if found[name] != content]
        assert differ == []
