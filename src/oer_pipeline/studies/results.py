"""What finished grids came to, kept in the repository: a row per cell and seed in
docs/results/results.csv, a row per cell in the table of docs/reproducibility.md."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.continual import possible
from oer_pipeline.metrics.intervals import interval
from oer_pipeline.orchestration.circumstances import git
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.reports.cell_metrics import SUFFIXES, TITLES, scale, seed_values
from oer_pipeline.reports.document_blocks import rewrite
from oer_pipeline.reports.table import Row, Table
from oer_pipeline.reports.tables import number
from oer_pipeline.studies import places
from oer_pipeline.studies.cells import Cell, Cells
from oer_pipeline.studies.grids import CLAIMED, ORDER, text_of

RESULTS = Path("docs/results/results.csv")
PAGE = Path("docs/reproducibility.md")
BLOCK = "results"


@dataclass(frozen=True)
class Result:
    """What one cell came to with one seed.

    Attributes:
        grid: that made it.
        regime: suite, quality and the parameters that vary within the grid.
        method: the preset.
        seed: of learners; in a study the number of the task order, too.
        tasks, updates: how many tasks, and updates on each.
        scale: that leads: `success`, `normalised` or `raw`.
        data: what the data's episodes are worth in that scale, mean over tasks; None in
            results that were kept before it was.
        per, plasticity, forgetting: in that scale; None where it is not defined.
        commit: of the code.
        date: of the report, year-month-day.
    """

    grid: str
    regime: str
    method: str
    seed: int
    tasks: int
    updates: int
    scale: str
    data: float | None
    per: float
    plasticity: float | None
    forgetting: float | None
    commit: str
    date: str


Results = Sequence[Result]


def record(cells: Cells) -> None:
    """Keep what finished cells came to; on the page, too, where the project has it.

    A part of a grid adds to what is kept of it; a whole grid replaces it.

    Raises:
        DataError: a cell without PER, or a file or page of another form.
    """
    now = list(results_of(cells))
    merge = added if cells.grid.is_part else merged
    found = merge(kept(RESULTS), now)
    write_atomic(RESULTS, text_of_results(found))
    if PAGE.is_file():
        rewrite(PAGE, {BLOCK: results_table(found)})


def results_of(cells: Cells) -> Iterator[Result]:
    """Of every cell and seed of a finished grid.

    Raises:
        DataError: a cell without PER.
    """
    commit = git(Path.cwd(), "rev-parse", "--short=10", "HEAD") or "-"
    date = datetime.now(UTC).date().isoformat()
    for cell in cells.cells:
        metrics = places.metrics(cells.root, cell.plan)
        shown = scale([metrics])
        data = _worth_of_data(cells.root, cell.plan, shown)
        by_metric = {name: seed_values(metrics, name, shown) for name in CLAIMED}
        for seed in cell.plan.seeds:
            values = {name: by_metric[name][str(seed)] for name in CLAIMED}
            per = values["per"]
            if per is None:
                raise DataError(f"cell {cell.name} has no PER of seed {seed}")
            yield Result(
                grid=cells.grid.name,
                regime=_regime(cell),
                method=cell.plan.method,
                seed=seed,
                tasks=len(cell.plan.tasks),
                updates=cell.plan.parameters["learner"]["updates"],
                scale=shown,
                data=data,
                per=per,
                plasticity=values["plasticity"],
                forgetting=values["forgetting"],
                commit=commit,
                date=date,
            )


def _worth_of_data(root: Path, plan: Plan, shown: str) -> float:
    """What the data's episodes are worth in a scale, mean over tasks.

    Args:
        root: of the environment's data.
        plan: of the cell.
        shown: the scale.
    """
    worth = []
    for task in plan.tasks:
        card = places.card(root, plan, plan.data_of(task))
        if shown == "success":
            worth.append(100.0 * card["success_rate"])
        elif shown == "normalised":
            worth.append(card["normalised_return"])
        else:
            worth.append(card["returns"]["mean"])
    return fmean(worth)


def _regime(cell: Cell) -> str:
    """`continual_world_10, expert, size=30`."""
    told = cell.combination
    parts = [told.suite, told.quality]
    for name, value in told.varied.items():
        if name != ORDER:
            parts.append(f"{name.rpartition('.')[2]}={text_of(value)}")
    return ", ".join(parts)


def kept(path: Path) -> list[Result]:
    """The results in a file of them; none where there is no file.

    Raises:
        DataError: a file of another form.
    """
    if not path.is_file():
        return []
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                found.append(_result_of(row))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{path}, line {line}: no result: {error}") from error
    return found


def _result_of(row: Mapping[str, str]) -> Result:
    plasticity, forgetting = row["plasticity"], row["forgetting"]
    data = row.get("data")
    return Result(
        grid=row["grid"],
        regime=row["regime"],
        method=row["method"],
        seed=int(row["seed"]),
        tasks=int(row["tasks"]),
        updates=int(row["updates"]),
        scale=row["scale"],
        data=float(data) if data else None,
        per=float(row["per"]),
        plasticity=float(plasticity) if plasticity else None,
        forgetting=float(forgetting) if forgetting else None,
        commit=row["commit"],
        date=row["date"],
    )


def merged(before: Results, now: Results) -> list[Result]:
    """All results, a grid's newer ones in the place of its older, in an order that does
    not depend on when each was found."""
    grids = {result.grid for result in now}
    others = [result for result in before if result.grid not in grids]
    return sorted([*others, *now], key=_place)


def added(before: Results, now: Results) -> list[Result]:
    """All results, those of a cell and seed in the place of its older ones, in the
    same order."""
    by_place = {_place(result): result for result in [*before, *now]}
    return [by_place[place] for place in sorted(by_place)]


def _place(result: Result) -> tuple[str, str, str, int]:
    return result.grid, result.regime, result.method, result.seed


def text_of_results(results: Results) -> str:
    """As a table of comma-separated values."""
    out = io.StringIO()
    columns = [field.name for field in fields(Result)]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerow(asdict(result))
    return out.getvalue()


def results_table(results: Results) -> str:
    """Markdown: a row per method, regime and grid, with the command that makes it."""
    by_cell: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        cell = (result.grid, result.regime, result.method)
        by_cell.setdefault(cell, []).append(result)
    rows: list[Row] = []
    for (grid, regime, method), of_seeds in by_cell.items():
        first = of_seeds[0]
        within = possible("per" + SUFFIXES[first.scale])
        per = interval([result.per for result in of_seeds], possible=within)
        rows.append(
            (
                regime,
                method,
                f"`kedro grid {grid} --methods={method}`",
                f"{first.date}, {first.commit}",
                str(first.tasks),
                str(len(of_seeds)),
                f"{first.updates:,}",
                f"{number(per, 1)} {TITLES[first.scale]}",
            )
        )
    titles = (
        "regime",
        "method",
        "command",
        "made",
        "tasks",
        "seeds",
        "updates",
        "PER",
    )
    return Table(titles, tuple(rows), words=4).markdown()
