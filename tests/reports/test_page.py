"""Pages are self-contained, deterministic, and hold plotly once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from oer_pipeline.reports import heatmap, returns
from oer_pipeline.reports.page import Section, page
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
        ("Table & notes", cell_table(metrics).html(), None),
        ("Matrix", "<p>after each task</p>", heatmap.figure(metrics)),
        ("Returns", "", returns.figure(metrics)),
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
        r"Plotly\.newPlot\('([\w-]+)'",
        "".join(s for s in document.scripts if len(s) < 1_000_000),
    )
    assert places == drawn == ["figure-2", "figure-3"]


def test_figures_survive_as_json(sections: list[Section]) -> None:
    *_, script = Document(page("cell", sections)).scripts
    figure = json.loads(script[script.index("({", 10) + 1 : script.rindex(")")])
    assert figure["layout"]["title"]["text"].startswith("</script><b>: return per task")


def test_page_is_the_same_twice(cell: Make, sections: list[Section]) -> None:
    again = [(h, t, f if f is None else type(f)(f)) for h, t, f in sections]
    assert page("cell", sections) == page("cell", again)


def test_text_alone_carries_no_script() -> None:
    text = page("words", [("One", "<p>two</p>", None)])
    assert Document(text).scripts == []
    assert len(text) < 5_000
