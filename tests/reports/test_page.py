"""Pages are whole but for plotly, which they share, and deterministic."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from oer_pipeline.reports import heatmap, returns
from oer_pipeline.reports.chart import Chart, Panel
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.page import (
    BUNDLE,
    Bullets,
    Commands,
    Folded,
    Links,
    Picture,
    PictureFile,
    Section,
    Verdict,
    page,
    plotly_bundle,
    standalone,
)
from oer_pipeline.reports.page_markdown import page_markdown
from oer_pipeline.reports.table import Linked, Marked, Table
from oer_pipeline.reports.tables import cell_table

Make = Callable[..., dict[str, Any]]
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Document(HTMLParser):
    """Tags with attributes, ids, and the text outside scripts; fails where tags do not
    nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


@pytest.fixture
def sections(cell: Make) -> list[Section]:
    metrics = cell("</script><b>")
    return [
        Section("Table & notes", [cell_table(metrics)]),
        Section("Matrix", ["after each task", heatmap.chart(metrics)]),
        Section("Returns", [returns.chart(metrics)]),
    ]


def test_page_is_whole_and_loads_the_bundle_alone(sections: list[Section]) -> None:
    document = Document(page("A <cell>", sections))
    loaded = [a.get("src") or a.get("href") for _, a in document.tags]
    assert [one for one in loaded if one] == ["data:,", f"../../../{BUNDLE}"]
    assert [tag for tag, _ in document.tags if tag == "iframe"] == []
    assert "A <cell>" in document.text
    assert "Table & notes" in document.text
    assert "plasticity" in document.text  # tables are in the page, not made by scripts


def test_every_figure_has_its_place(sections: list[Section]) -> None:
    document = Document(page("cell", sections))
    places = [a["id"] for tag, a in document.tags if tag == "div" and "id" in a]
    assert places == list(figures(document)) == ["figure-2-2", "figure-3-1"]
    assert "plotly.js v" in plotly_bundle()[:200]


def test_figures_survive_as_json(sections: list[Section]) -> None:
    figure = figures(Document(page("cell", sections)))["figure-3-1"]
    assert figure["layout"]["title"]["text"].startswith("</script><b>: return per task")


def figures(document: Document) -> dict[str, Any]:
    """Place -> figure, as they stand in a page."""
    [found] = [text for text in document.scripts if text.startswith("{")]
    drawn: dict[str, Any] = json.loads(found)
    return drawn


def test_a_page_can_be_taken_elsewhere(sections: list[Section]) -> None:
    text = page("cell", sections)
    whole = Document(standalone(text))
    assert sum(len(script) > 1_000_000 for script in whole.scripts) == 1
    loaded = [a for _, a in whole.tags if a.get("src")]
    assert loaded == []
    still = page("words", [Section("One", ["two"])])
    assert standalone(still) == still


def test_links_and_a_subtitle_stand_above(sections: list[Section]) -> None:
    text = page("cell", sections, [Linked("a <table>", "table.md")], "size = 3")
    assert '<a href="table.md">a &lt;table&gt;</a></nav>' in text
    assert text.index("</nav>") < text.index("size = 3") < text.index("<h2>")


def test_only_tables_that_say_so_can_be_sorted() -> None:
    plain = Table(("a", "b"), (("x", "1"),))
    still = page("tables", [Section("One", [plain])])
    assert 'class="sortable"' not in still
    assert "<script" not in still
    sortable = Folded("more", replace(plain, sortable=True))
    document = page("tables", [Section("One", [sortable])])
    assert 'class="sortable"' in document
    assert "makeSortable" in document


def test_page_is_the_same_twice(sections: list[Section]) -> None:
    assert page("cell", sections) == page("cell", copy.deepcopy(sections))


def test_text_alone_carries_no_script_and_is_escaped() -> None:
    text = page("words", [Section("One & only", ["<two>"])])
    assert Document(text).scripts == []
    assert "<h2>One &amp; only</h2>" in text
    assert "<p>&lt;two&gt;</p>" in text
    assert len(text) < 5_000


def test_every_kind_of_part_is_shown() -> None:
    table = Table(("a", "b"), (("x", "17"),))
    parts = [
        Picture(png(Chart("", [Panel([])], (3.0, 1.0))), 'a "picture"'),
        Bullets(["<one>", "two"]),
        Folded("more", "<as it stands>"),
        Folded("numbers", table),
    ]
    document = Document(page("parts", [Section("All", parts)]))
    [image] = [attributes for tag, attributes in document.tags if tag == "img"]
    assert (image["alt"], image["width"]) == ('a "picture"', str(3 * 96))
    assert str(image["src"]).startswith("data:image/png;base64,iVBORw")
    kinds = [tag for tag, _ in document.tags]
    assert kinds.count("li") == 2
    assert kinds.count("details") == kinds.count("summary") == 2
    assert kinds.count("table") == 1
    for text in ("<one>", "<as it stands>", "numbers", "17"):
        assert text in document.text


PARTS = [
    "A paragraph.",
    Verdict(["First & best.", "Second."]),
    Commands(["kedro run --params=a=1"]),
    PictureFile("../oer/picture.png", "what it shows", "../oer/report.html"),
    Table(("a", "b"), ((Linked("x", "x.html"), Marked("17")),)),
    Folded("more", Table(("c",), (("y",),))),
    Links([Linked("there", "there.html"), Linked("here", "here.html")]),
]


def test_links_pictures_and_commands_are_shown() -> None:
    text = page("parts", [Section("All", PARTS)])
    Document(text)
    assert '<p class="verdict">First &amp; best.</p>' in text
    assert "<li>Second.</li>" in text
    assert "kedro run --params=a=1\n</pre>" in text
    assert '<a href="../oer/report.html"><img alt="what it shows"' in text
    assert '<th scope="row"><a href="x.html">x</a></th>' in text
    assert '<p><a href="there.html">there</a>, <a href="here.html">here</a></p>' in text


def test_markdown_says_the_same() -> None:
    chart = Chart("A figure", [Panel([])], (3.0, 1.0))
    sections = [Section("All", [*PARTS, chart]), Section("Main", [chart])]
    text = page_markdown("parts", sections, "size = 3", "p.html", {"Main": "main.png"})
    assert text.startswith("# parts\n\nsize = 3\n\n## All\n\nA paragraph.\n\n")
    for told in (
        "**First & best.**\n\n- Second.\n",
        "    kedro run --params=a=1\n",
        "![what it shows](../oer/picture.png)",
        "| [x](x.html) | **17** |",
        "**more**\n\n| c |",
        "*(figure on [the page](p.html): A figure)*",
        "## Main\n\n![A figure](main.png)\n",
        "[there](there.html), [here](here.html)\n",
    ):
        assert told in text, told
