"""The parts of a page that a command writes: between `<!-- name -->` and `<!-- /name -->`; the rest is left alone."""

from __future__ import annotations

from oer_pipeline.errors import DataError


def with_block(page: str, name: str, block: str) -> str:
    """The page with `block` (Markdown) between its two markers.

    Raises:
        DataError: the page lacks a marker, or has one twice.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(start) != 1 or page.count(end) != 1 or page.index(start) > page.index(end):
        raise DataError(f"the page has to hold the markers {start} and {end}, each once and in this order")
    before, rest = page.split(start)
    return f"{before}{start}\n\n{block.strip()}\n\n{end}{rest.split(end)[1]}"
