"""Pages that open from a file, without server or network, and whose text and tables
need no JavaScript."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from oer_pipeline.reports.canvas import DPI
from oer_pipeline.reports.chart import Chart
from oer_pipeline.reports.rendering import render
from oer_pipeline.reports.table import Table

SCREEN_DPI = 96
WIDTH_IN_PNG = slice(16, 20)


@dataclass(frozen=True)
class Picture:
    """A PNG within the page; `alt` says what it shows."""

    png: bytes
    alt: str

    template: ClassVar[str] = "picture.html"

    @property
    def base64(self) -> str:
        return b64encode(self.png).decode()

    @property
    def width(self) -> int:
        """On the page, in pixels."""
        return round(int.from_bytes(self.png[WIDTH_IN_PNG]) * SCREEN_DPI / DPI)


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]

    template: ClassVar[str] = "bullets.html"


@dataclass(frozen=True)
class Folded:
    """What unfolds at a click on its summary: a table, or text as it stands."""

    summary: str
    content: str | Table

    template: ClassVar[str] = "folded.html"


Part: TypeAlias = "str | Table | Chart | Picture | Bullets | Folded"
"""What a section is made of; a text is a paragraph."""


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it."""

    heading: str
    parts: Sequence[Part]


def page(title: str, sections: Sequence[Section]) -> str:
    """One self-contained HTML document: equal input gives equal text.

    plotly.js is in it once if there is a chart. Scripts stand last, so that text shows
    before 5 MB of them are read.
    """
    figures = dict(_figures(sections))
    return render(
        "page.html",
        title=title,
        sections=sections,
        figures=figures,
        plotly=_plotly_bundle() if figures else "",
    )


def _figures(sections: Sequence[Section]) -> Iterator[tuple[str, Any]]:
    """The place of every chart on the page, and plotly's figure as plain values."""
    for number, section in enumerate(sections, start=1):
        for place, part in enumerate(section.parts, start=1):
            if isinstance(part, Chart):
                from oer_pipeline.reports.chart_plotly import plotly_figure

                figure = json.loads(plotly_figure(part).to_json())
                yield f"figure-{number}-{place}", figure


def _plotly_bundle() -> str:
    from plotly.offline import get_plotlyjs

    bundle: str = get_plotlyjs()
    return bundle
