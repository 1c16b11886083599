"""One table: Markdown, HTML and plain text for a terminal, from the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from oer_pipeline.reports.rendering import render

Row = tuple[str, ...]


class Marked(str):
    """A cell that stands out, such as the best of its column: bold."""

    marked: ClassVar[bool] = True


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
    """

    titles: Row
    rows: tuple[Row, ...]
    notes: tuple[tuple[str, str], ...] = ()
    words: int = 1
    group_by: int | None = None

    template: ClassVar[str] = "table.html"

    def markdown(self) -> str:
        """A GitHub table, and a list of notes."""
        numbers = len(self.titles) - self.words
        rule = ["---"] * self.words + ["---:"] * numbers
        text = _markdown_line(self.titles) + _markdown_line(rule)
        for row in self.rows:
            text += _markdown_line(row)
        if self.notes:
            text += "\n"
        for term, explanation in self.notes:
            text += f"- **{one_line(term)}**: {explanation}\n"
        return text

    def html(self) -> str:
        """A `<table>` with a `<tbody>` per group, and a `<dl>` of notes; everything
        escaped."""
        return render(self.template, part=self)

    def text(self) -> str:
        """Plain text for a terminal: intervals under their numbers, a heading per
        group."""
        titles = self._without_group(self.titles)
        rows = [self._without_group(row) for row in self.rows]
        widths = _widths([titles, *rows])
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [*_text_lines(titles, widths), rule]
        for name, members in self.groups.items():
            if name:
                lines.append(f"{name}:")
            for row in members:
                lines += _text_lines(self._without_group(row), widths)
            lines.append(rule)
        for term, explanation in self.notes:
            lines.append(f"{one_line(term)}: {explanation}")
        return "\n".join(lines) + "\n"

    @property
    def groups(self) -> dict[str, list[Row]]:
        """The rows by what the column `group_by` says, in order of first appearance;
        all of them under an empty name without such a column."""
        if self.group_by is None:
            return {"": list(self.rows)}
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row[self.group_by], []).append(row)
        return found

    def _without_group(self, row: Row) -> Row:
        if self.group_by is None:
            return row
        return row[: self.group_by] + row[self.group_by + 1 :]


def one_line(cell: str) -> str:
    """The cell without line breaks."""
    return cell.replace("\n", " ")


def _markdown_line(row: Iterable[str]) -> str:
    cells = []
    for cell in row:
        text = one_line(cell).replace("|", "\\|")
        cells.append(f"**{text}**" if isinstance(cell, Marked) else text)
    return f"| {' | '.join(cells)} |\n"


def _widths(rows: Sequence[Row]) -> list[int]:
    """The longest line of each column."""
    widths = [0] * len(rows[0])
    for row in rows:
        for column, cell in enumerate(row):
            longest = max(len(line) for line in cell.split("\n"))
            widths[column] = max(widths[column], longest)
    return widths


def _text_lines(row: Row, widths: Sequence[int]) -> list[str]:
    """The row's lines, first column to the left, the others to the right."""
    columns = [cell.split("\n") for cell in row]
    lines = []
    for number in range(max(map(len, columns))):
        parts: list[str] = []
        for column, width in zip(columns, widths, strict=True):
            part = column[number] if number < len(column) else ""
            parts.append(part.rjust(width) if parts else part.ljust(width))
        lines.append("  ".join(parts).rstrip())
    return lines
