"""The tables of a report, from one set of rows as Markdown, HTML and plain terminal
text (method, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.metrics.continual import References, normalise
from oer_pipeline.metrics.intervals import Estimate, paired_difference
from oer_pipeline.reports.cells import (
    TITLES,
    Cell,
    estimate,
    ranked,
    scale,
    scales,
    seed_values,
    with_forward_transfer,
)

Row = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A metric's place in a table; `\\n` in the title is where terminal text breaks
    it."""

    metric: str
    title: str
    digits: int
    explanation: str
    always: bool = False  # even where no method defines it
    brief: bool = True  # in the short form too


Columns = Sequence[Column]

COLUMNS = (
    Column(
        "per",
        "PER",
        1,
        "mean return over all tasks after the last one; methods are ranked by it",
        always=True,
    ),
    Column(
        "bwt_paper",
        "BWT\n(+ forgets)",
        1,
        "as in the paper: return when learned - at the end, mean over all tasks but the"
        " last; positive = forgetting",
        always=True,
    ),
    Column(
        "plasticity",
        "plasticity",
        1,
        "return on each task right after learning it, mean over tasks",
        always=True,
    ),
    Column(
        "forgetting",
        "forgetting",
        1,
        "best return ever - return at the end, mean over all tasks but the last",
        always=True,
    ),
    Column(
        "forward_transfer",
        "forward\ntransfer",
        1,
        "plasticity - that of independent networks (single_task), paired by seed",
        brief=False,
    ),
    Column(
        "zero_shot",
        "zero\nshot",
        1,
        "return on the next task before learning it, with the newest head, above the"
        " random policy's",
        brief=False,
    ),
    Column(
        "cloning_gap",
        "cloning\ngap",
        1,
        "task policy's return - deployed policy's, right after learning; '-' for a"
        " single policy",
    ),
    Column(
        "fidelity_visits_to_buffer",
        "visits\nto buffer",
        2,
        "mean distance from a state that the deployed policy visits to the nearest"
        " buffer state, standardised units",
    ),
    Column(
        "fidelity_buffer_to_visits",
        "buffer\nto visits",
        2,
        "the reverse; both have to be small, one alone favours mere spread",
    ),
)
INTERVALS = {
    "points": "fewer than 3 seeds: each seed's value, no interval",
    "student_t": "3 to 9 seeds: mean [95 % Student's t interval on seed means]",
    "bootstrap": "10 seeds or more: mean [95 % bootstrap interval over whole seeds]",
}

SUCCESS_EXPLAINED = (
    "share of episodes in which some step solved the task; the columns then read"
    " success for return, and methods are ranked by it; an interval ends where success"
    " does, and has no width where all seeds agree, which is not certainty"
)

IN_FULL = (
    (
        "in full",
        (
            "table.md beside this file: raw returns too, forward transfer and zero-shot"
            " returns"
        ),
    ),
)
IN_FULL_WITH_SUCCESS = (
    (
        "in full",
        (
            "table.md beside this file: returns too, normalised and raw, forward"
            " transfer and zero-shot success"
        ),
    ),
)


@dataclass(frozen=True)
class Table:
    """Rows of text under titles; the second column is the scale. Notes explain every
    column, one line each."""

    titles: Row
    rows: tuple[Row, ...]
    notes: tuple[tuple[str, str], ...]  # (term, explanation)

    def markdown(self) -> str:
        """A GitHub table and a list of notes."""
        header = [self.titles, ("---", "---", *["---:"] * (len(self.titles) - 2))]
        lines = [
            "| " + " | ".join(_flat(c).replace("|", "\\|") for c in row) + " |"
            for row in (*header, *self.rows)
        ]
        notes = [f"- **{_flat(term)}**: {text}" for term, text in self.notes]
        return "\n".join([*lines, "", *notes]) + "\n"

    def html(self) -> str:
        """A `<table>`, one `<tbody>` a scale, and a `<dl>` of notes; everything
        escaped."""
        bodies = "".join(
            f"<tbody>{''.join(map(_html_row, rows))}</tbody>"
            for _, rows in self._by_scale()
        )
        head = "".join(
            f'<th scope="col">{escape(_flat(title))}</th>' for title in self.titles
        )
        notes = "".join(
            f"<dt>{escape(_flat(term))}</dt><dd>{escape(text)}</dd>"
            for term, text in self.notes
        )
        return (
            f'<div class="wide"><table><thead><tr>{head}</tr></thead>{bodies}'
            f"</table></div>\n<dl>{notes}</dl>\n"
        )

    def text(self) -> str:
        """Plain text for a terminal: intervals under their means, the scale as a
        heading."""
        shown = [_without_scale(row) for row in (self.titles, *self.rows)]
        widths = [
            max(len(line) for row in shown for line in row[i].split("\n"))
            for i in range(len(shown[0]))
        ]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [*_text_row(shown[0], widths), rule]
        for name, rows in self._by_scale():
            lines += [
                f"{name}:",
                *(
                    line
                    for row in rows
                    for line in _text_row(_without_scale(row), widths)
                ),
                rule,
            ]
        return (
            "\n".join(
                [*lines, *(f"{_flat(term)}: {text}" for term, text in self.notes)]
            )
            + "\n"
        )

    def _by_scale(self) -> list[tuple[str, list[Row]]]:
        names = dict.fromkeys(row[1] for row in self.rows)
        return [(name, [row for row in self.rows if row[1] == name]) for name in names]


def cell_table(metrics: Cell) -> Table:
    """One cell: its estimate over seeds, then every seed."""
    rows, columns = [], _columns([metrics])
    for shown in scales([metrics]):
        rows.append(_estimates(metrics, shown, columns))
        rows += [
            _seed_row(metrics, str(seed), shown, columns) for seed in metrics["seeds"]
        ]
        rows += _zero_action(metrics, shown, columns)
    return Table(_titles(columns), tuple(rows), _notes([metrics], columns))


def comparison_table(
    cells: Sequence[Cell], reference: str | None = None, brief: bool = False
) -> Table:
    """Cells by rank, and with `reference` (a cell's name) the others' differences from
    it, paired by seed.

    `brief`: for a terminal, in one scale and without the columns that can wait.

    Raises:
        ConfigurationError: no cell is called `reference`.
        DataError: cells that may not be compared (`cells.ranked`).
    """
    order = with_forward_transfer(ranked(cells))
    columns = [column for column in _columns(order) if column.brief or not brief]
    rows: list[Row] = []
    for shown in [scale(order)] if brief else scales(order):
        rows += [_estimates(cell, shown, columns) for cell in order]
        rows += _zero_action(order[0], shown, columns)
    notes = _notes(order, columns, reference)
    if brief:
        notes += IN_FULL_WITH_SUCCESS if scale(order) == "success" else IN_FULL
    return Table(
        _titles(columns), (*rows, *_differences(order, columns, reference)), notes
    )


def _differences(
    cells: Sequence[Cell], columns: Columns, reference: str | None
) -> list[Row]:
    if reference is None:
        return []
    by_name = {cell["cell"]: cell for cell in cells}
    if reference not in by_name:
        raise ConfigurationError(
            f"no cell is called {reference!r}; {choices(by_name, reference)}"
        )
    best, base = scale(cells), by_name.pop(reference)
    return [_difference(cell, base, best, columns) for cell in by_name.values()]


def _difference(cell: Cell, base: Cell, shown: str, columns: Columns) -> Row:
    pairs = [
        (seed_values(cell, c.metric, shown), seed_values(base, c.metric, shown))
        for c in columns
    ]
    numbers = [
        number(paired_difference(*pair), c.digits)
        for pair, c in zip(pairs, columns, strict=True)
    ]
    return (
        f"{cell['cell']} - {base['cell']}",
        f"{TITLES[shown]}, paired by seed",
        *numbers,
    )


def _columns(cells: Sequence[Cell]) -> list[Column]:
    """The columns that some cell has a value for."""
    return [
        c
        for c in COLUMNS
        if c.always or any(estimate(x, c.metric, s) for x in cells for s in scales([x]))
    ]


def _titles(columns: Columns) -> Row:
    return ("method", "scale", *(column.title for column in columns))


def _estimates(cell: Cell, shown: str, columns: Columns) -> Row:
    numbers = [number(estimate(cell, c.metric, shown), c.digits) for c in columns]
    return (cell["cell"], TITLES[shown], *numbers)


def number(value: Estimate | None, digits: int) -> str:
    """`94.1\\n[90.2, 98.0]`, each seed's value where there is no interval, `-` where
    undefined."""
    if value is None:
        return "-"
    if value.low is None or value.high is None:
        return ", ".join(_fixed(v, digits) for v in value.values)
    return (
        f"{_fixed(value.mean, digits)}\n[{_fixed(value.low, digits)},"
        f" {_fixed(value.high, digits)}]"
    )


def _fixed(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0.0 turns -0.0 into 0.0


def _seed_row(cell: Cell, seed: str, shown: str, columns: Columns) -> Row:
    values = [seed_values(cell, c.metric, shown)[seed] for c in columns]
    numbers = (
        "-" if v is None else _fixed(v, c.digits)
        for v, c in zip(values, columns, strict=True)
    )
    return (f"{cell['cell']}, seed {seed}", TITLES[shown], *numbers)


def _zero_action(cell: Cell, shown: str, columns: Columns) -> list[Row]:
    """What doing nothing scores, where it was measured: a method below it has learned
    less than nothing."""
    source = cell.get("success", {}) if shown == "success" else cell
    table = source.get("references") or {}
    earned = [table.get(task, {}).get("zero") for task in cell["tasks"]]
    if None in earned:
        return []
    references = References.of(cell["tasks"], cell["references"])
    if shown == "normalised" and references is not None:
        earned = normalise(earned, references.random, references.expert).tolist()
    mean = _fixed(sum(earned) / len(earned), columns[0].digits)
    return [("doing nothing", TITLES[shown], mean, *["-"] * (len(columns) - 1))]


def _notes(
    cells: Sequence[Cell], columns: Columns, reference: str | None = None
) -> tuple[tuple[str, str], ...]:
    methods = {cell["aggregate"]["per"]["method"] for cell in cells}
    notes = [(column.title, column.explanation) for column in columns]
    shown = scales(cells)
    if "success" in shown:
        notes.append((TITLES["success"], SUCCESS_EXPLAINED))
    if "normalised" in shown:
        notes.append(
            (
                "normalised",
                (
                    "100 (return - random) / (expert - random), per task; 0 = random"
                    " policy, 100 = expert"
                ),
            )
        )
    notes.append(("raw", "undiscounted return of an episode, deterministic policy"))
    diverged = {
        cell["cell"]: n
        for cell in cells
        if (n := sum(cell["diverged_episodes"].values()))
    }
    if diverged:
        counts = "; ".join(f"{name}: {n}" for name, n in diverged.items())
        what = (
            "evaluation episodes that the physics broke off, continued at the worst"
            " reward of random actions"
        )
        notes.append(("diverged", f"{what}: {counts}"))
    if reference is not None:
        notes.append(
            (
                "paired by seed",
                (
                    f"difference from {reference}, seed by seed, over the seeds that"
                    " both have"
                ),
            )
        )
    notes.append(
        (
            "numbers",
            "; ".join(text for kind, text in INTERVALS.items() if kind in methods),
        )
    )
    notes.append(("seeds", _seeds(cells)))
    notes.append(
        (
            "a seed",
            (
                "varies initial weights, batches, noise and selection; data and"
                " transition models are shared"
            ),
        )
    )
    return tuple(notes)


def _seeds(cells: Sequence[Cell]) -> str:
    by_cell = {cell["cell"]: ", ".join(map(str, cell["seeds"])) for cell in cells}
    if len(cells) > 1 and len(set(by_cell.values())) == 1:
        return f"{next(iter(by_cell.values()))}, of all methods"
    return "; ".join(f"{name}: {seeds}" for name, seeds in by_cell.items())


def _flat(cell: str) -> str:
    return cell.replace("\n", " ")


def _without_scale(row: Row) -> Row:
    return (row[0], *row[2:])


def _html_row(row: Row) -> str:
    cells = "".join(f"<td>{escape(_flat(cell))}</td>" for cell in row[1:])
    return f'<tr><th scope="row">{escape(row[0])}</th>{cells}</tr>'


def _text_row(row: Row, widths: Sequence[int]) -> list[str]:
    """The row's lines, first column to the left, the others to the right."""
    cells = [cell.split("\n") for cell in row]
    lines = []
    for n in range(max(map(len, cells))):
        parts = [cell[n] if n < len(cell) else "" for cell in cells]
        numbers = (
            part.rjust(width) for part, width in zip(parts[1:], widths[1:], strict=True)
        )
        lines.append("  ".join([parts[0].ljust(widths[0]), *numbers]).rstrip())
    return lines
