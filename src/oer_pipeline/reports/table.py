"""One table: Markdown, HTML and plain text for a terminal, from the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

from oer_pipeline.reports.rendering import render

Row = tuple[str, ...]
GAP = "  "
"""Between two columns of text."""


class Marked(str):
    """A cell that stands out, such as the best of its column: bold."""

    marked: ClassVar[bool] = True


class Linked(str):
    """A cell, or another short text, that leads somewhere.

    Attributes:
        href: relative to the page.
    """

    href: str

    def __new__(cls, text: str, href: str) -> Linked:
        made = super().__new__(cls, text)
        made.href = href
        return made


@dataclass(frozen=True)
class Table:
    """Rows of text under titles.

    A line break in a cell divides a number from its interval: the interval goes below
    the number where there is room, and beside it in Markdown.

    Args:
        titles: a title per column; no head is shown where all are empty.
        rows: as many cells in each as there are titles.
        notes: pairs of a term, such as a title, and its explanation in one line.
        words: how many columns, from the left, hold words; the others hold numbers.
        group_by: the column whose values divide the rows into groups, if any does.
        sortable: on a page, by a click on a title.
    """

    titles: Row
    rows: tuple[Row, ...]
    notes: tuple[tuple[str, str], ...] = ()
    words: int = 1
    group_by: int | None = None
    sortable: bool = False

    template: ClassVar[str] = "table.html"

    def markdown(self) -> str:
        """A GitHub table, and a list of notes."""
        rule = ["---:"] * len(self.titles)
        rule[: self.words] = ["---"] * self.words
        lines = [
            _markdown_line(self.titles),
            _markdown_line(rule),
            *map(_markdown_line, self.rows),
        ]
        if self.notes:
            lines.append("")
        for term, explanation in self.notes:
            lines.append(f"- **{one_line(term)}**: {explanation}")
        lines.append("")
        return "\n".join(lines)

    def html(self) -> str:
        """A `<table>` with a `<tbody>` per group, and a `<dl>` of notes; everything
        escaped."""
        return render(self.template, part=self)

    def text(self) -> str:
        """Plain text for a terminal: intervals under their numbers, a heading per
        group."""
        titles = self._shown(self.titles)
        widths = _widths([titles, *map(self._shown, self.rows)])
        gaps = len(GAP) * (len(widths) - 1)
        rule = "-" * (sum(widths) + gaps)
        lines = _text_lines(titles, widths)
        lines.append(rule)
        for name, rows in self.groups.items():
            if name:
                lines.append(f"{name}:")
            for row in rows:
                lines += _text_lines(self._shown(row), widths)
            lines.append(rule)
        for term, explanation in self.notes:
            lines.append(f"{one_line(term)}: {explanation}")
        lines.append("")
        return "\n".join(lines)

    @property
    def groups(self) -> dict[str, list[Row]]:
        """The rows by what the column `group_by` says, in order of first appearance;
        all of them under an empty name without such a column."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            name = "" if self.group_by is None else row[self.group_by]
            found.setdefault(name, []).append(row)
        return found

    def _shown(self, row: Row) -> Row:
        """The row in text, where the group is a heading."""
        if self.group_by is None:
            return row
        cells = list(row)
        del cells[self.group_by]
        return tuple(cells)


def one_line(cell: str) -> str:
    """The cell without line breaks."""
    return cell.replace("\n", " ")


def _markdown_line(row: Iterable[str]) -> str:
    cells = []
    for cell in row:
        text = one_line(cell).replace("|", "\\|")
        if isinstance(cell, Marked):
            text = f"**{text}**"
        if isinstance(cell, Linked):
            text = f"[{text}]({cell.href})"
        cells.append(text)
    inside = " | ".join(cells)
    return f"| {inside} |"


def _widths(rows: Sequence[Row]) -> list[int]:
    """The longest line of each column."""
    widths = [0] * len(rows[0])
    for row in rows:
        for column, cell in enumerate(row):
            lines = cell.split("\n")
            longest = max(map(len, lines))
            widths[column] = max(widths[column], longest)
    return widths


def _text_lines(
    row: Row,
    widths: Sequence[int],
) -> list[str]:
    """The row's lines, first column to the left, the others to the right."""
    columns = [cell.split("\n") for cell in row]
    lines = []
    for parts in zip_longest(*columns, fillvalue=""):
        aligned: list[str] = []
        for part, width in zip(parts, widths, strict=True):
            if aligned:
                aligned.append(part.rjust(width))
            else:
                aligned.append(part.ljust(width))
        line = GAP.join(aligned)
        lines.append(line.rstrip())
    return lines
