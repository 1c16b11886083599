"""Pages are self-contained, deterministic, and hold plotly once."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from oer_pipeline.reports import heatmap, returns
from oer_pipeline.reports.chart import Chart, Panel
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.page import Bullets, Folded, Picture, Section, page
from oer_pipeline.reports.table import Table
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


def test_page_is_whole_and_loads_nothing(sections: list[Section]) -> None:
    document = Document(page("A <cell>", sections))
    loaded = [
        attributes
        for tag, attributes in document.tags
        if {"src", "href"} & set(attributes)
    ]
    assert loaded == []
    assert [tag for tag, _ in document.tags if tag in ("link", "iframe")] == []
    assert "A <cell>" in document.text
    assert "Table & notes" in document.text
    assert "plasticity" in document.text  # tables are in the page, not made by scripts


def test_plotly_is_there_once_and_draws_every_figure(sections: list[Section]) -> None:
    from plotly.offline import get_plotlyjs

    text = page("cell", sections)
    document = Document(text)
    assert text.count(get_plotlyjs()) == 1
    assert sum(len(script) > 1_000_000 for script in document.scripts) == 1
    places = [a["id"] for tag, a in document.tags if tag == "div" and "id" in a]
    drawn = re.findall(
        r'Plotly\.newPlot\("([\w-]+)"',
        "".join(s for s in document.scripts if len(s) < 1_000_000),
    )
    assert places == drawn == ["figure-2-2", "figure-3-1"]


def test_figures_survive_as_json(sections: list[Section]) -> None:
    *_, script = Document(page("cell", sections)).scripts
    figure = json.loads(script[script.index("({", 10) + 1 : script.rindex(")")])
    assert figure["layout"]["title"]["text"].startswith("</script><b>: return per task")


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
