"""Ctrl-C and SIGTERM: every command leaves within 5 s with the status that shells
expect, all that it has started with it, and a training writes a checkpoint before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Count, Project

pytestmark = pytest.mark.slow

SECONDS = 5.0
STOPS = "commands stopped by Ctrl-C or SIGTERM within 5 s"
LONG = "learner.updates=1000000,seeds=0,tasks=2"
MINE = """
mine:
  family: cheetah_vel
  horizon: 200
  tasks: [{ target_velocity: 4.4 }, { target_velocity: 5.5 }]
"""
RUN = ("run", "--env=test", f"--params={LONG}")
GRID = ("grid", "--env=test", "--jobs=2", "--methods=bc", f"--params={LONG}")
TUNE = (
    "tune",
    "--env=test",
    "--jobs=2",
    "--methods=ewc",
    "--params=learner.updates=1000000,tasks=2",
)
BEHAVIOURS = ("behaviours", "mine", "--env=test", "--jobs=2")


def ctrl_c(process: subprocess.Popen[bytes]) -> None:
    """As a terminal does: to the command and all that it has started."""
    os.killpg(process.pid, signal.SIGINT)


def sigint(process: subprocess.Popen[bytes]) -> None:
    """To the command alone."""
    process.send_signal(signal.SIGINT)


def sigterm(process: subprocess.Popen[bytes]) -> None:
    """To the command alone, as `kill` does."""
    process.send_signal(signal.SIGTERM)


def begin(project: Project, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start a command in a group of its own, which hears Ctrl-C."""
    logs = project.path / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / "command.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "kedro", *words],
            cwd=project.path,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # type: ignore[arg-type, return-value]
            start_new_session=True,
        )


def said(project: Project) -> str:
    """What the command and its jobs have logged."""
    logs = sorted((project.path / "logs").rglob("*.log"))
    return "\n".join(log.read_text(errors="replace") for log in logs)


def wait_for(
    text: str, project: Project, process: subprocess.Popen[bytes], seconds: float = 240
) -> None:
    """Until it is logged."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, said(project)
        if text in said(project):
            return
        time.sleep(0.2)
    raise AssertionError(f"no {text!r} in {said(project)}")


def checkpoints(project: Project) -> list[Path]:
    return sorted((project.path / "data/test/checkpoints").rglob("*.safetensors"))


def stop(
    process: subprocess.Popen[bytes], how: Callable[[Any], None], status: int
) -> None:
    """Stop a command; it and all below it are gone in time."""
    everything = [psutil.Process(process.pid)]
    everything += everything[0].children(recursive=True)
    began = time.monotonic()
    how(process)
    assert process.wait(SECONDS) == status
    _, alive = psutil.wait_procs(everything[1:], SECONDS - (time.monotonic() - began))
    left = [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert left == [], [p.cmdline() for p in left]


HOW = [(ctrl_c, 130), (sigint, 130), (sigterm, 143)]


@pytest.mark.parametrize(("how", "status"), HOW)
@pytest.mark.parametrize("words", [RUN, GRID, TUNE], ids=lambda words: words[0])
def test_a_stopped_training_writes_a_checkpoint_and_goes_on(
    project: Project,
    words: tuple[str, ...],
    how: Callable[[Any], None],
    status: int,
    count: Count,
) -> None:
    """No other one is due: they are a minute apart."""
    process = begin(project, words)
    wait_for("task_1.train", project, process)
    time.sleep(8.0)
    assert checkpoints(project) == []
    stop(process, how, status)
    assert "Traceback" not in said(project)
    assert checkpoints(project)
    again = begin(project, words)
    wait_for("goes on after update", project, again)
    stop(again, sigterm, 143)
    count(STOPS, f"kedro {words[0]}", 2)


@pytest.mark.parametrize(("how", "status"), HOW)
def test_stopped_behaviour_trainings_leave_nothing(
    project: Project, how: Callable[[Any], None], status: int, count: Count
) -> None:
    (project.path / "conf/base/suites_mine.yml").write_text(MINE)
    process = begin(project, BEHAVIOURS)
    log = project.path / "logs/behaviours_cheetah_vel_target_velocity=4.4.log"
    end = time.monotonic() + 60.0
    while not log.is_file():
        assert time.monotonic() < end, said(project)
        time.sleep(0.2)
    time.sleep(8.0)
    stop(process, how, status)
    assert "Traceback" not in said(project)
    assert not list((project.path / "data").rglob("*.safetensors"))
    count(STOPS, "kedro behaviours", 1)


@pytest.mark.parametrize("seconds", [0.5, 3.0, 6.0])
@pytest.mark.parametrize("words", [RUN, GRID], ids=lambda words: words[0])
def test_a_command_that_has_just_begun_leaves_as_soon(
    project: Project, words: tuple[str, ...], seconds: float, count: Count
) -> None:
    """While it imports and reads its configuration, too."""
    process = begin(project, words)
    time.sleep(seconds)
    everything = [psutil.Process(process.pid)]
    everything += everything[0].children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) in (143, -signal.SIGTERM)
    _, alive = psutil.wait_procs(everything[1:], SECONDS)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    count(STOPS, f"kedro {words[0]}, just begun", 1)
