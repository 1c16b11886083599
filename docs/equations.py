"""Equations of the pages as MathML, which browsers draw themselves: no script, no
network. A hook of MkDocs (mkdocs.yml); GitHub reads the same dollars by itself."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

MARKED = re.compile(
    r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', flags=re.DOTALL
)
"""What pymdownx.arithmatex makes of dollars: LaTeX in a line, or on its own."""
SHOWN = {"span": "inline", "div": "block"}


def on_page_content(html: str, **_: Any) -> str:
    """A page's HTML with its equations drawn."""
    return MARKED.sub(_drawn, html)


def _drawn(found: re.Match[str]) -> str:
    element, latex = found.groups()
    return convert(unescape(latex).strip(), display=SHOWN[element])
