"""A real Chromium, driven by its own command line: no other dependency is needed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome-headless-shell",
)
"""As Debian, Fedora, Google and Playwright call it."""
ALWAYS = (
    "--headless",
    "--no-sandbox",  # a CI's container runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)
QUICK = "--virtual-time-budget=20000"
"""Timers run out at once, but a video is not waited for."""
SECONDS = 120


def chromium() -> str:
    """The program; skips the test where there is none."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium on this machine: apt-get install chromium")


def console(log: str) -> list[str]:
    """What a page wrote to the console: errors, and files that it could not load."""
    return [line for line in log.splitlines() if "CONSOLE" in line]


class Opened:
    """A page, a file or at an address, after its scripts have run.

    Attributes:
        dom: its HTML by then.
        console: what it complained of.
    """

    def __init__(self, page: Path | str, *flags: str, quick: bool = True) -> None:
        how = [QUICK] if quick else []
        done = run(["--dump-dom", *how, *flags], page)
        self.dom = done.stdout
        self.console = console(done.stderr)


def run(flags: Sequence[str], page: Path | str) -> subprocess.CompletedProcess[str]:
    """Chromium on a file or an address, to its end."""
    address = page if isinstance(page, str) else page.absolute().as_uri()
    command = [chromium(), *ALWAYS, *flags, address]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=SECONDS
    )
