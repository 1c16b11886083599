"""Pages that open from a file, without server or network, and whose text and tables
need no JavaScript.

Figures are drawn by plotly.js. One copy of it lies at the root of all reports, three
folders above every page (`{suite}/{quality}/{cell}/page.html`).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from oer_pipeline.reports.canvas import DPI
from oer_pipeline.reports.chart import Chart
from oer_pipeline.reports.rendering import render
from oer_pipeline.reports.table import Linked, Table

SCREEN_DPI = 96
WIDTH_IN_PNG = slice(16, 20)
BUNDLE = "plotly.min.js"
"""What the copy of plotly.js is called."""
ROOT = "../../../"
"""From a page to the root of all reports."""


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
class PictureFile:
    """A picture that lies in a file of its own.

    Args:
        file: relative to the page.
        alt: what it shows, also below it.
        link: where a click leads to; the picture itself without.
    """

    file: str
    alt: str
    link: str = ""

    template: ClassVar[str] = "picture_file.html"


@dataclass(frozen=True)
class FilmFile:
    """An animation in a file of its own, which may not be there: the script looks for
    it when a reader unfolds it. (A browser loads a lazy picture before it is seen.)

    Args:
        summary: to click on.
        file: relative to the page.
        command: that draws it.
    """

    summary: str
    file: str
    command: str

    template: ClassVar[str] = "film_file.html"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]

    template: ClassVar[str] = "bullets.html"


@dataclass(frozen=True)
class Links:
    """Ways to other pages, side by side."""

    items: Sequence[Linked]

    template: ClassVar[str] = "links.html"


@dataclass(frozen=True)
class Verdict:
    """What a page comes to: the first sentence stands out."""

    sentences: Sequence[str]

    template: ClassVar[str] = "verdict.html"


@dataclass(frozen=True)
class Commands:
    """Lines to type, as they stand."""

    lines: Sequence[str]

    template: ClassVar[str] = "commands.html"


@dataclass(frozen=True)
class Folded:
    """What unfolds at a click on its summary: a table, or text as it stands."""

    summary: str
    content: str | Table

    template: ClassVar[str] = "folded.html"


Part: TypeAlias = (
    "str | Table | Chart | Picture | PictureFile | FilmFile | Bullets | Links"
    " | Verdict | Commands | Folded"
)
"""What a section is made of; a text is a paragraph."""


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it."""

    heading: str
    parts: Sequence[Part]


def page(
    title: str,
    sections: Sequence[Section],
    links: Sequence[Linked] = (),
    subtitle: str = "",
) -> str:
    """One HTML document: equal input gives equal text.

    It loads nothing but plotly.js (`plotly_bundle`), and that only if there is a chart.
    Scripts stand last, so that text shows before they are read.

    Args:
        title: also of the browser's window.
        sections: from top to bottom.
        links: to other pages, above everything.
        subtitle: below the title.
    """
    figures = dict(_figures(sections))
    scripted = bool(figures) or _reacts(sections)
    return render(
        "page.html",
        title=title,
        subtitle=subtitle,
        sections=sections,
        links=links,
        figures=figures,
        scripted=scripted,
        bundle=ROOT + BUNDLE,
    )


def plotly_bundle() -> str:
    """plotly.js, which the pages' figures are drawn by."""
    from plotly.offline import get_plotlyjs

    bundle: str = get_plotlyjs()
    return bundle


def standalone(page: str) -> str:
    """A page that holds what it would load, to be shown away from the other reports."""
    loads = f'<script src="{ROOT + BUNDLE}"></script>'
    return page.replace(loads, f"<script>{plotly_bundle()}</script>", 1)


def _reacts(sections: Sequence[Section]) -> bool:
    """Whether the page has a film, or a table, folded or not, that can be sorted."""
    for section in sections:
        for part in section.parts:
            shown = part.content if isinstance(part, Folded) else part
            if isinstance(shown, FilmFile):
                return True
            if isinstance(shown, Table) and shown.sortable:
                return True
    return False


def _figures(sections: Sequence[Section]) -> Iterator[tuple[str, Any]]:
    """The place of every chart on the page, and plotly's figure as plain values."""
    for number, section in enumerate(sections, start=1):
        for place, part in enumerate(section.parts, start=1):
            if isinstance(part, Chart):
                from oer_pipeline.reports.chart_plotly import plotly_figure

                figure = json.loads(plotly_figure(part).to_json())
                yield f"figure-{number}-{place}", figure
