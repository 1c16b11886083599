"""The templates of pages, Jinja2's; what they are given is escaped."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

PACKAGE = "oer_pipeline.reports"
TEMPLATES = (
    "templates/bullets.html",
    "templates/chart.html",
    "templates/commands.html",
    "templates/figures.html",
    "templates/film_file.html",
    "templates/folded.html",
    "templates/links.html",
    "templates/page.html",
    "templates/picture.html",
    "templates/picture_file.html",
    "templates/script.js",
    "templates/style.css",
    "templates/table.html",
    "templates/verdict.html",
)
"""Named here, so that an edit of one makes pages stale (orchestration)."""


def render(template: str, **values: Any) -> str:
    """The text of a template, filled in: equal values give equal text."""
    return environment().get_template(template).render(**values)


@cache
def environment() -> Environment:
    """The templates by their names, and how JSON is written into scripts."""
    sources = {}
    for path in TEMPLATES:
        _, _, name = path.rpartition("/")
        file = resources.files(PACKAGE) / path
        sources[name] = file.read_text(encoding="utf-8")
    made = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return made
