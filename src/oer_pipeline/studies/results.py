"""What finished grids came to, kept in the repository: a row per cell and seed in
docs/results/results.csv, a row per cell in the table of docs/reproducibility.md.

Rows of one cell may come from several parts of a grid. Each has the recipe of its cell
and the conditions of its regime, so that what was made with other parameters is not
taken for the same, and methods are compared under the same conditions.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.continual import possible
from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.orchestration.circumstances import VERSIONED, git
from oer_pipeline.orchestration.configuration import Configuration, configuration_of
from oer_pipeline.orchestration.flat_parameters import by_dotted_name
from oer_pipeline.orchestration.folders import as_text
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.reports.cell_metrics import SUFFIXES, TITLES, scale, seed_values
from oer_pipeline.reports.table import Row, Table
from oer_pipeline.reports.tables import number
from oer_pipeline.studies import places
from oer_pipeline.studies.cells import Cell, Cells
from oer_pipeline.studies.grids import CLAIMED, ORDER, Grid
from oer_pipeline.studies.jobs import Outcome, Status
from oer_pipeline.studies.kept_files import changing, rewrite_page

RESULTS = Path("docs/results/results.csv")
PAGE = Path("docs/reproducibility.md")
BLOCK = "results"
RECIPE = (
    "data_seed",
    "collection",
    "dynamics",
    "learner",
    "replay",
    "evaluation",
    "chosen",
)
"""Of a plan's parameters, what a result hangs on beside suite, quality, number of
tasks, their order and the seed."""
CONDITIONS = tuple(name for name in RECIPE if name != "chosen")
"""Of the files' parameters, what all methods of a regime have in common."""


@dataclass(frozen=True)
class Result:
    """What one cell came to with one seed.

    Attributes:
        grid: that made it.
        regime: suite, quality and the parameters that vary within the grid.
        method: the preset.
        seed: of learners; in a study the number of the task order, too.
        recipe: a hash of the parameters in force; empty in results that were kept
            before it was.
        conditions: a hash of what all methods of the regime have in common; empty
            alike.
        tasks, updates: how many tasks, and updates on each.
        scale: that leads: `success`, `normalised` or `raw`.
        data: what the data's episodes are worth in that scale, mean over tasks; None in
            results that were kept before it was, and where training diverged.
        per, plasticity, forgetting: in that scale; None where it is not defined, all of
            them where training diverged.
        commit: of the code; with a `+` where the code was changed since.
        date: when it was begun, year-month-day.
    """

    grid: str
    regime: str
    method: str
    seed: int
    recipe: str
    conditions: str
    tasks: int
    updates: int
    scale: str
    data: float | None
    per: float | None
    plasticity: float | None
    forgetting: float | None
    commit: str
    date: str


Results = Sequence[Result]


def check(cells: Cells, asked: Results) -> None:
    """Refuse, before any work, what could not be kept beside what is.

    Args:
        cells: that are to be recorded.
        asked: what is to come of them (`planned`).

    Raises:
        DataError: as `added` says.
    """
    if cells.grid.is_part:
        added(kept(RESULTS), asked)


def record(cells: Cells, outcomes: Mapping[str, Outcome], asked: Results) -> None:
    """Keep what finished cells came to; on the page, too, where the project has it.

    A part of a grid adds to what is kept of it; a whole grid replaces it.

    Args:
        cells: of the grid.
        outcomes: by the cell's name; one that is not there was done.
        asked: what was to come of them, as it was `planned` before the work.

    Raises:
        DataError: a cell without PER, or a file or page of another form.
    """
    now = list(results_of(cells, outcomes, asked))
    merge = added if cells.grid.is_part else merged
    with changing(RESULTS):
        found = merge(kept(RESULTS), now)
        write_atomic(RESULTS, text_of_results(found))
        if PAGE.is_file():
            rewrite_page(PAGE, {BLOCK: results_table(found)})


def planned(cells: Cells) -> list[Result]:
    """A result of every cell and seed, without its values: with the code as it is
    now."""
    commit = git(Path.cwd(), "rev-parse", "--short=10", "HEAD") or "-"
    if git(Path.cwd(), "status", "--porcelain", "--", *VERSIONED):
        commit += "+"
    date = datetime.now(UTC).date().isoformat()
    configured = configuration_of(cells.env)
    found = []
    for cell in cells.cells:
        plan = cell.plan
        conditions = conditions_of(cells.grid, plan, configured)
        for seed in plan.seeds:
            found.append(
                Result(
                    grid=cells.grid.name,
                    regime=_regime(cell),
                    method=plan.method,
                    seed=seed,
                    recipe=recipe_of(plan),
                    conditions=conditions,
                    tasks=len(plan.tasks),
                    updates=plan.parameters["learner"]["updates"],
                    scale="success" if plan.suite.has_success else "normalised",
                    data=None,
                    per=None,
                    plasticity=None,
                    forgetting=None,
                    commit=commit,
                    date=date,
                )
            )
    return found


def results_of(
    cells: Cells,
    outcomes: Mapping[str, Outcome],
    asked: Results,
) -> Iterator[Result]:
    """Of every cell and seed of a finished grid; without values where training was
    excused for diverging.

    Args:
        cells: of the grid.
        outcomes: by the cell's name; one that is not there was done.
        asked: what was to come of them (`planned`).

    Raises:
        DataError: a cell without PER.
    """
    blank = iter(asked)
    for cell in cells.cells:
        outcome = outcomes.get(cell.name)
        if outcome is not None and outcome.status is Status.EXCUSED:
            shown = _scale_of_data(cells.root, cell.plan)
            for _ in cell.plan.seeds:
                yield replace(next(blank), scale=shown)
            continue
        metrics = places.metrics(cells.root, cell.plan)
        shown = scale([metrics])
        data = _worth_of_data(cells.root, cell.plan, shown)
        by_metric = {name: seed_values(metrics, name, shown) for name in CLAIMED}
        for seed in cell.plan.seeds:
            values = {name: by_metric[name][str(seed)] for name in CLAIMED}
            if values["per"] is None:
                raise DataError(f"cell {cell.name} has no PER of seed {seed}")
            yield replace(
                next(blank),
                scale=shown,
                data=data,
                per=values["per"],
                plasticity=values["plasticity"],
                forgetting=values["forgetting"],
            )


def recipe_of(plan: Plan) -> str:
    """A hash of what a result hangs on beside order and seed: 10 hexadecimal
    digits."""
    told = {name: plan.parameters[name] for name in RECIPE}
    told |= {
        "suite": plan.suite.name,
        "quality": plan.quality,
        "tasks": len(plan.tasks),
    }
    return _hash(told)


def conditions_of(grid: Grid, plan: Plan, configured: Configuration) -> str:
    """A hash of what all methods of a regime have in common: what the grid says, and
    the files where it says nothing. 10 hexadecimal digits."""
    told: dict[str, Any] = {
        "suite": configured.suites[plan.suite.name],
        "quality": plan.quality,
    }
    in_common = {name: configured.parameters[name] for name in CONDITIONS}
    told.update(by_dotted_name(in_common))
    for name, values in grid.parameters.items():
        if len(values) == 1:
            told[name] = values[0]
    del told["learner.name"]  # every method says it
    return _hash(told)


def _hash(told: Mapping[str, Any]) -> str:
    text = json.dumps(told, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _scale_of_data(root: Path, plan: Plan) -> str:
    """The scale that leads, as far as the data's cards can tell."""
    if plan.suite.has_success:
        return "success"
    cards = [places.card(root, plan, plan.data_of(task)) for task in plan.tasks]
    has_references = all("normalised_return" in card for card in cards)
    return "normalised" if has_references else "raw"


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
            parts.append(f"{name.rpartition('.')[2]}={as_text(value)}")
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
    values = [row.get("data"), row["per"], row["plasticity"], row["forgetting"]]
    data, per, plasticity, forgetting = (
        float(value) if value else None for value in values
    )
    return Result(
        grid=row["grid"],
        regime=row["regime"],
        method=row["method"],
        seed=int(row["seed"]),
        recipe=row.get("recipe") or "",
        conditions=row.get("conditions") or "",
        tasks=int(row["tasks"]),
        updates=int(row["updates"]),
        scale=row["scale"],
        data=data,
        per=per,
        plasticity=plasticity,
        forgetting=forgetting,
        commit=row["commit"],
        date=row["date"],
    )


def merged(before: Results, now: Results) -> list[Result]:
    """All results, a grid's newer ones in the place of its older, in an order that does
    not depend on when each was found."""
    grids = {result.grid for result in now}
    others = [result for result in before if result.grid not in grids]
    return sorted([*others, *now], key=_row_key)


def added(before: Results, now: Results) -> list[Result]:
    """All results, those of a cell and seed in the place of its older ones, in the
    same order.

    Raises:
        DataError: a cell would have results that were made with other parameters, or a
            regime methods of other conditions.
    """
    by_key = {_row_key(result): result for result in [*before, *now]}
    found = [by_key[key] for key in sorted(by_key)]
    of_cell = {_cell(result): result for result in now}
    of_regime = {(result.grid, result.regime): result for result in now}
    for result in found:
        newer = of_cell.get(_cell(result))
        if newer is not None and not _is_like(result, newer):
            raise DataError(
                f"{RESULTS}: {result.method} of grid {result.grid} on {result.regime},"
                f" seed {result.seed}, was made with other parameters"
                f" ({_made(result)}; now {_made(newer)}); run all seeds of it anew,"
                " or remove its rows"
            )
        beside = of_regime.get((result.grid, result.regime))
        if beside is not None and not _is_comparable(result, beside):
            raise DataError(
                f"{RESULTS}: {result.method} of grid {result.grid} on {result.regime},"
                f" seed {result.seed}, was made under other conditions"
                f" ({_conditions_told(result)}) than {beside.method} would be"
                f" ({_conditions_told(beside)}): data, sizes or what else methods have"
                " in common; run the whole grid anew, or remove its rows"
            )
    return found


def _is_like(result: Result, other: Result) -> bool:
    """Whether two results of a cell can have been made with the same parameters."""
    if result.recipe and other.recipe and result.recipe != other.recipe:
        return False
    return (result.tasks, result.updates) == (other.tasks, other.updates)


def _is_comparable(result: Result, other: Result) -> bool:
    """Whether two methods' results can have been made under the same conditions."""
    known = result.conditions and other.conditions
    if known and result.conditions != other.conditions:
        return False
    return result.tasks == other.tasks


def _conditions_told(result: Result) -> str:
    return f"{result.conditions or 'not kept'}, {result.tasks} tasks"


def _made(result: Result) -> str:
    recipe = result.recipe or "not kept"
    return f"recipe {recipe}, {result.tasks} tasks, {result.updates} updates"


def _cell(result: Result) -> tuple[str, str, str]:
    return result.grid, result.regime, result.method


def _row_key(result: Result) -> tuple[str, str, str, int]:
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


def estimated(values: Sequence[float], metric: str, in_scale: str) -> Estimate:
    """Mean and interval, within what the metric's mean can be.

    Args:
        values: one per seed, at least one.
        metric: its name without the scale, such as `per`.
        in_scale: `success`, `normalised` or `raw`.
    """
    return interval(values, possible=possible(metric + SUFFIXES[in_scale]))


def results_table(results: Results) -> str:
    """Markdown: a row per method, regime and grid, with the command that makes it."""
    by_cell: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        by_cell.setdefault(_cell(result), []).append(result)
    rows: list[Row] = []
    for (grid, regime, method), of_seeds in by_cell.items():
        first = of_seeds[0]
        values = [result.per for result in of_seeds if result.per is not None]
        shown = "diverged"
        if values:
            per = number(estimated(values, "per", first.scale), 1)
            shown = f"{per} {TITLES[first.scale]}"
        rows.append(
            (
                regime,
                method,
                f"`kedro grid {grid} --methods={method}`",
                _parts_told(of_seeds),
                str(first.tasks),
                _seeds_told(of_seeds, len(values)),
                f"{first.updates:,}",
                shown,
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


def _parts_told(results: Results) -> str:
    """`2026-11-28, 035e1da863`; of several parts one after the other."""
    parts = sorted({(result.date, result.commit) for result in results})
    return "; ".join(f"{date}, {commit}" for date, commit in parts)


def _seeds_told(results: Results, finished: int) -> str:
    """`8`, or `8, 1 diverged`."""
    diverged = len(results) - finished
    return f"{len(results)}, {diverged} diverged" if diverged else str(len(results))
