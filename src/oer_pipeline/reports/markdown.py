"""Tables in Markdown alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from oer_pipeline.reports.table import Table


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A `Table` whose first column holds words and the others numbers."""
    cells = [tuple(row) for row in rows]
    table = Table(tuple(titles), tuple(cells))
    return table.markdown()
