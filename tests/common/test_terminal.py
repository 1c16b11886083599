"""Colours and links are for terminals alone."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from oer_pipeline.common.terminal import GREEN, has_colours, linked, painted, summary

LINES = [("page", Path("data/report.html")), ("PER", "89.6")]
PLAIN = """\
Done
  page      data/report.html
  PER       89.6"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """From within a test: pytest puts its own stream there before each."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_log_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert summary("Done", LINES) == PLAIN
    assert not has_colours()


def test_a_terminal_has_colours_and_links(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    assert painted("x", GREEN) == "\x1b[32mx\x1b[0m"
    link = linked(Path("data/report.html"))
    assert link.startswith("\x1b]8;;file:///")
    assert "data/report.html\x1b\\" in link
    assert link.endswith("\x1b]8;;\x1b\\")
    assert summary("Done", LINES).startswith("\x1b[32mDone\x1b[0m\n")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_whoever_wants_none_gets_none(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    on_a_terminal(monkeypatch)
    assert summary("Done", LINES) != PLAIN
    monkeypatch.setenv(name, value)
    assert summary("Done", LINES) == PLAIN


def test_another_stream_decides_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert has_colours(Terminal())
    assert not has_colours(io.StringIO())


def test_long_words_stay_in_line() -> None:
    shown = summary("Done", [("a", "1"), ("everything", "2")])
    assert [line.rindex(" ") for line in shown.splitlines()[1:]] == [13, 13]
