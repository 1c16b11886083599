"""Files of the project that several commands change: results and pages. Commands that
finish at the same moment take turns."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from oer_pipeline.common.locks import alone, path_of
from oer_pipeline.reports.document_blocks import rewrite


def changing(file: Path) -> AbstractContextManager[None]:
    """For as long as a block reads, changes and writes a file."""
    return alone(
        path_of(str(file)),
        lambda holder: print(f"{file}: waiting for {holder}", flush=True),
    )


def rewrite_page(page: Path, blocks: Mapping[str, str]) -> None:
    """Put blocks, by name, between their markers in the page.

    Raises:
        DataError: the page lacks a marker, or has one twice.
    """
    with changing(page):
        rewrite(page, blocks)
