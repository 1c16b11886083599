"""The parts of a page that a command writes: between `<!-- name -->` and `<!-- /name
-->`; the rest is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import DataError


def with_block(
    page: str,
    name: str,
    block: str,
) -> str:
    """The page with a block between its two markers.

    Args:
        page: Markdown.
        name: of the markers, `<!-- name -->` and `<!-- /name -->`.
        block: Markdown; takes the place of what is there.

    Raises:
        DataError: the page lacks a marker, or has one twice.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if (
        page.count(start) != 1
        or page.count(end) != 1
        or page.index(start) > page.index(end)
    ):
        raise DataError(
            f"the page has to hold the markers {start} and {end}, each once and in this"
            " order"
        )
    before, rest = page.split(start)
    return f"{before}{start}\n\n{block.strip()}\n\n{end}{rest.split(end)[1]}"


def rewrite(page: Path, blocks: Mapping[str, str]) -> None:
    """Put blocks, by name, between their markers in the file `page`.

    Raises:
        DataError: as `with_block`.
    """
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        text = with_block(text, name, block)
    write_atomic(page, text)
