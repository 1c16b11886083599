"""Templates escape what they are given, and all are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from oer_pipeline.reports import rendering
from oer_pipeline.reports.page import Bullets
from oer_pipeline.reports.rendering import TEMPLATES, render

FOLDER = Path(rendering.__file__).parent


def test_every_template_is_named() -> None:
    files = [path for path in (FOLDER / "templates").iterdir() if path.is_file()]
    assert sorted(f"templates/{path.name}" for path in files) == list(TEMPLATES)


def test_what_is_given_is_escaped() -> None:
    text = render("bullets.html", part=Bullets(["<b> & 'c'"]))
    assert "<li>&lt;b&gt; &amp; &#39;c&#39;</li>" in text


def test_what_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'part' is undefined"):
        render("bullets.html")
