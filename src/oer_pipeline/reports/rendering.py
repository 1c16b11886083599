"""The templates of pages, Jinja2's, in the folder `templates`; what they are given is
escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """The text of a template, filled in: equal values give equal text."""
    return environment().get_template(template).render(**values)


@cache
def environment() -> Environment:
    """Where templates are found, and how JSON is written into scripts."""
    made = Environment(
        loader=PackageLoader("oer_pipeline.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return made
