"""The tables of a cell's and of a comparison's metrics (method, section 8)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.metrics.continual import References, normalise
from oer_pipeline.metrics.intervals import Estimate, paired_difference
from oer_pipeline.reports.cell_metrics import (
    TITLES,
    Cell,
    estimate,
    ranked,
    scale,
    scales,
    seed_values,
    with_forward_transfer,
)
from oer_pipeline.reports.table import Row, Table


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
Note = tuple[str, str]

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

NORMALISED_EXPLAINED = (
    "100 (return - random) / (expert - random), per task; 0 = random policy, 100 ="
    " expert"
)
DIVERGED_EXPLAINED = (
    "evaluation episodes that the physics broke off, continued at the worst reward of"
    " random actions"
)
SEED_EXPLAINED = (
    "varies initial weights, batches, noise and selection; data and transition models"
    " are shared"
)
IN_FULL = (
    "table.md beside this file: raw returns too, forward transfer and zero-shot returns"
)
IN_FULL_WITH_SUCCESS = (
    "table.md beside this file: returns too, normalised and raw, forward transfer and"
    " zero-shot success"
)


def cell_table(metrics: Cell) -> Table:
    """One cell: its estimate over seeds, then every seed."""
    columns = _columns([metrics])
    rows = []
    for shown in scales([metrics]):
        rows.append(_estimates(metrics, shown, columns))
        for seed in metrics["seeds"]:
            rows.append(_seed_row(metrics, str(seed), shown, columns))
        rows += _zero_action(metrics, shown, columns)
    return _table(rows, columns, _notes([metrics], columns))


def comparison_table(
    cells: Sequence[Cell], reference: str | None = None, brief: bool = False
) -> Table:
    """Cells by rank.

    Args:
        cells: of one suite and quality.
        reference: the name of a cell from which the others' differences are shown too,
            paired by seed.
        brief: for a terminal, in one scale and without the columns that can wait.

    Raises:
        ConfigurationError: no cell is called `reference`.
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = with_forward_transfer(ranked(cells))
    columns = [column for column in _columns(order) if column.brief or not brief]
    shown = (scale(order),) if brief else scales(order)
    notes = _notes(order, columns, reference)
    if brief:
        with_success = shown == ("success",)
        notes.append(("in full", IN_FULL_WITH_SUCCESS if with_success else IN_FULL))
    rows = []
    for name in shown:
        rows += [_estimates(cell, name, columns) for cell in order]
        rows += _zero_action(order[0], name, columns)
    if reference is not None:
        rows += _differences(order, columns, reference)
    return _table(rows, columns, notes)


def number(value: Estimate | None, digits: int) -> str:
    """`94.1\\n[90.2, 98.0]`, each seed's value where there is no interval, `-` where
    undefined."""
    if value is None:
        return "-"
    if value.low is None or value.high is None:
        return ", ".join(fixed(v, digits) for v in value.values)
    low = fixed(value.low, digits)
    high = fixed(value.high, digits)
    return f"{fixed(value.mean, digits)}\n[{low}, {high}]"


def fixed(value: float, digits: int) -> str:
    """The number with so many digits after the point; never -0.0."""
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0.0 turns -0.0 into 0.0


def explain_numbers(methods: Container[str]) -> str:
    """How to read the numbers of estimates that were made by these methods."""
    return "; ".join(text for kind, text in INTERVALS.items() if kind in methods)


def _table(rows: Sequence[Row], columns: Columns, notes: Sequence[Note]) -> Table:
    titles = ("method", "scale", *(column.title for column in columns))
    return Table(titles, tuple(rows), tuple(notes), words=2, group_by=1)


def _columns(cells: Sequence[Cell]) -> list[Column]:
    """The columns that some cell has a value for."""
    return [column for column in COLUMNS if column.always or _is_known(column, cells)]


def _is_known(column: Column, cells: Sequence[Cell]) -> bool:
    for cell in cells:
        for shown in scales([cell]):
            if estimate(cell, column.metric, shown) is not None:
                return True
    return False


def _estimates(cell: Cell, shown: str, columns: Columns) -> Row:
    row = [cell["cell"], TITLES[shown]]
    for column in columns:
        row.append(number(estimate(cell, column.metric, shown), column.digits))
    return tuple(row)


def _seed_row(cell: Cell, seed: str, shown: str, columns: Columns) -> Row:
    row = [f"{cell['cell']}, seed {seed}", TITLES[shown]]
    for column in columns:
        value = seed_values(cell, column.metric, shown)[seed]
        row.append("-" if value is None else fixed(value, column.digits))
    return tuple(row)


def _differences(cells: Sequence[Cell], columns: Columns, reference: str) -> list[Row]:
    """The other cells' differences from the cell `reference`, paired by seed."""
    by_name = {cell["cell"]: cell for cell in cells}
    if reference not in by_name:
        raise ConfigurationError(
            f"no cell is called {reference!r}; {choices(by_name, reference)}"
        )
    shown = scale(cells)
    base = by_name.pop(reference)
    rows = []
    for name, cell in by_name.items():
        row = [f"{name} - {reference}", f"{TITLES[shown]}, paired by seed"]
        for column in columns:
            own = seed_values(cell, column.metric, shown)
            other = seed_values(base, column.metric, shown)
            row.append(number(paired_difference(own, other), column.digits))
        rows.append(tuple(row))
    return rows


def nothing_done(cell: Cell, shown: str) -> float | None:
    """What doing nothing scores on the mean of the tasks, None where it was not
    measured: a method below it has learned less than nothing."""
    source = cell.get("success", {}) if shown == "success" else cell
    table = source.get("references") or {}
    earned = [table.get(task, {}).get("zero") for task in cell["tasks"]]
    if None in earned:
        return None
    references = References.of(cell["tasks"], cell["references"])
    if shown == "normalised" and references is not None:
        earned = normalise(earned, references.random, references.expert).tolist()
    return float(sum(earned) / len(earned))


def _zero_action(cell: Cell, shown: str, columns: Columns) -> list[Row]:
    """The row of doing nothing, where it was measured."""
    earned = nothing_done(cell, shown)
    if earned is None:
        return []
    mean = fixed(earned, columns[0].digits)
    return [("doing nothing", TITLES[shown], mean, *["-"] * (len(columns) - 1))]


def _notes(
    cells: Sequence[Cell], columns: Columns, reference: str | None = None
) -> list[Note]:
    """What every column, scale and number of a table means."""
    notes = [(column.title, column.explanation) for column in columns]
    shown = scales(cells)
    if "success" in shown:
        notes.append((TITLES["success"], SUCCESS_EXPLAINED))
    if "normalised" in shown:
        notes.append(("normalised", NORMALISED_EXPLAINED))
    notes.append(("raw", "undiscounted return of an episode, deterministic policy"))
    diverged = _diverged(cells)
    if diverged:
        notes.append(("diverged", f"{DIVERGED_EXPLAINED}: {diverged}"))
    if reference is not None:
        difference = f"difference from {reference}, seed by seed"
        paired = f"{difference}, over the seeds that both have"
        notes.append(("paired by seed", paired))
    methods = {cell["aggregate"]["per"]["method"] for cell in cells}
    notes.append(("numbers", explain_numbers(methods)))
    notes.append(("seeds", _seeds(cells)))
    notes.append(("a seed", SEED_EXPLAINED))
    return notes


def _diverged(cells: Sequence[Cell]) -> str:
    """How many episodes were broken off, of each cell that has any."""
    counts = []
    for cell in cells:
        count = sum(cell["diverged_episodes"].values())
        if count:
            counts.append(f"{cell['cell']}: {count}")
    return "; ".join(counts)


def _seeds(cells: Sequence[Cell]) -> str:
    by_cell = {cell["cell"]: ", ".join(map(str, cell["seeds"])) for cell in cells}
    if len(cells) > 1 and len(set(by_cell.values())) == 1:
        return f"{next(iter(by_cell.values()))}, of all methods"
    return "; ".join(f"{name}: {seeds}" for name, seeds in by_cell.items())
