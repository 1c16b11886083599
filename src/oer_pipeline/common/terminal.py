"""What a command says at its end: a summary with paths to open.

Colours and links are for a terminal alone; a pipe, a log and whoever sets NO_COLOR
(https://no-color.org) get plain text.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

GREEN = "32"
RED = "31"
YELLOW = "33"
CYAN = "36"
FAINT = "2"
WIDTH = 8
"""Of the words before a summary's lines."""

Line = tuple[str, str | Path]
"""What it is, and the text or path."""


def has_colours(stream: TextIO | None = None) -> bool:
    """Whether what is written to a stream, standard output without, may be coloured."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("TERM") == "dumb":
        return False
    out = stream or sys.stdout
    return out.isatty()


def painted(text: str, colour: str) -> str:
    """The text in a colour, where there are colours."""
    if not has_colours():
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def linked(path: Path) -> str:
    """The path as given, on a terminal also a link that opens it (OSC 8)."""
    if not has_colours():
        return str(path)
    link = path.absolute().as_uri()
    shown = painted(str(path), CYAN)
    return f"\x1b]8;;{link}\x1b\\{shown}\x1b]8;;\x1b\\"


def summary(title: str, lines: Sequence[Line]) -> str:
    """The title, then a line per entry: `page    data/.../report.html`."""
    text = [painted(title, GREEN)]
    width = WIDTH
    for what, _ in lines:
        width = max(width, len(what))
    for what, value in lines:
        begin = painted(what.ljust(width), FAINT)
        if isinstance(value, Path):
            value = linked(value)
        text.append(f"  {begin}  {value}")
    return "\n".join(text)
