"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column holds words and the others numbers; line breaks in
    cells become spaces."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    text = ""
    for line in lines:
        cells = [cell.replace("\n", " ") for cell in line]
        text += f"| {' | '.join(cells)} |\n"
    return text
