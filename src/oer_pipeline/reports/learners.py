"""The two tables of docs/learners.md: learners side by side, and what tuning tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.metrics.intervals import FEWEST, paired_difference
from oer_pipeline.reports.cell_metrics import (
    UNITS,
    Cell,
    drawn_scales,
    estimate,
    ranked,
    scale,
    seed_values,
    with_forward_transfer,
)
from oer_pipeline.reports.table import Marked, Row, Table
from oer_pipeline.reports.tables import number

WIDTH = 100
"""Characters of a line of a page."""
METRICS = {
    "per": "PER",
    "bwt_paper": "BWT (+ forgets)",
    "plasticity": "plasticity",
    "forgetting": "forgetting",
    "zero_shot": "zero-shot",
    "forward_transfer": "forward transfer",
}


def learners_table(
    cells: Sequence[Cell],
    reference: str,
) -> str:
    """Markdown, a row per cell by rank: metrics, PER minus that of the cell `reference`
    paired by seed, and cost.

    On the success scale where the suite has it, with PER as return beside.

    Raises:
        ConfigurationError: no cell is called `reference`.
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    shown = scale(cells)
    order = with_forward_transfer(ranked(cells))
    by_name = {cell["cell"]: cell for cell in order}
    if reference not in by_name:
        raise ConfigurationError(
            f"no cell is called {reference!r}; {choices(by_name, reference)}"
        )
    base = by_name[reference]
    beside = drawn_scales(order)[1:]
    titles = ["method", *METRICS.values()]
    titles += [f"PER, {name} return" for name in beside]
    titles += [f"PER - {reference}", "parameters", "replay kB"]
    rows = tuple(_row(cell, base, shown, beside) for cell in order)
    measure = UNITS[shown] if shown == "success" else f"{shown} returns"
    table = Table(tuple(titles), rows).markdown()
    return f"{_where(order[0])}; {measure}.\n\n{table}"


def _row(
    cell: Cell,
    base: Cell,
    shown: str,
    beside: Sequence[str],
) -> Row:
    """A method's metrics in the scale `shown`, its PER in the scales `beside`, the
    difference from `base`, and its cost."""
    row = [cell["cell"]]
    for metric in METRICS:
        row.append(number(estimate(cell, metric, shown), 1))
    for name in beside:
        row.append(number(estimate(cell, "per", name), 1))
    difference = None
    if cell is not base:
        own = seed_values(cell, "per", shown)
        difference = paired_difference(own, seed_values(base, "per", shown))
    row.append(number(difference, 1))
    row.append(f"{cell['cost']['parameters']:,}")
    row.append(f"{cell['cost']['replay_bytes'] / 1000:,.0f}")
    return tuple(row)


def _where(cell: Cell) -> str:
    seeds = ", ".join(map(str, cell["seeds"]))
    tasks = len(cell["tasks"])
    return f"{cell['suite']}, {cell['quality']}, {tasks} tasks, seeds {seeds}"


def tuning_table(tuned: Mapping[str, Any]) -> str:
    """Markdown, a row per tuned method: its option, the PER of every value, the chosen
    one bold, and which others are within noise of it (`within_noise`).

    A table per size and list of values: methods may have been tuned by themselves.
    """
    tables: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for method, found in tuned.items():
        about = found.get("provenance", {})
        if "values" not in about:
            continue
        option = about["option"]
        chosen = _value_at(option, found["parameters"])
        tried = _tried(about["values"], chosen)
        values = tuple(f"{value:g}" for value in about["values"])
        rows = tables.setdefault((_tuned_on(about), values), [])
        rows.append((method, f"`{option}`", *tried, _note(about, chosen)))
    if not tables:
        return "Nothing has been tuned yet: `make tune`."
    parts = []
    for (where, values), rows in tables.items():
        titles = ("method", "option", *values, "within noise of the best")
        parts += [where, Table(titles, tuple(rows)).markdown().rstrip()]
    return "\n\n".join(parts)


def within_noise(
    about: Mapping[str, Any],
    chosen: float,
) -> list[float]:
    """Values whose PER can't be told from the chosen one's: the interval of their
    difference, paired by seed, holds 0. Values that diverged are never among them."""
    per_seed = about["per_seed"]
    best = dict(enumerate(per_seed[chosen]))
    found = []
    for value, scores in per_seed.items():
        if value == chosen:
            continue
        difference = paired_difference(best, dict(enumerate(scores)))
        low = None if difference is None else difference.low
        if low is not None and low <= 0.0:
            found.append(value)
    return found


def _note(
    about: Mapping[str, Any],
    chosen: float | None,
) -> str:
    """What the chosen value's row has to say: the values within noise, and an edge."""
    if chosen is None:
        return "all diverged"
    if len(about["seeds"]) < FEWEST:
        return "not known: too few seeds"
    near = within_noise(about, chosen)
    others = len(about["per_seed"]) - 1
    if not near:
        text = "none"
    elif len(near) == others:
        text = "all"
    else:
        text = ", ".join(f"{value:g}" for value in near)
    edges = (min(about["values"]), max(about["values"]))
    return f"{text}; at the grid's edge" if chosen in edges else text


def _tuned_on(about: Mapping[str, Any]) -> str:
    where = f"{about['suite']}, {about['quality']}, {about['tasks']} tasks"
    seeds = ", ".join(map(str, about["seeds"]))
    scale_of = " (success, %)" if about.get("scale") == "success" else ""
    updates = f"{about['updates']:,} updates per task"
    told = f"PER{scale_of} on {where}, {updates}, seeds {seeds}."
    return fill(told, WIDTH, break_on_hyphens=False)


def _value_at(
    option: str,
    parameters: Mapping[str, Any],
) -> Any:
    """The parameter that an option's dotted name leads to; None where there is none."""
    found: Any = parameters
    for key in option.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _tried(
    values: Mapping[float, float | None],
    chosen: float | None,
) -> list[str]:
    """PER of every value, the chosen one bold."""
    texts = []
    for value, per in values.items():
        text = "diverged" if per is None else f"{per:.1f}"
        texts.append(Marked(text) if value == chosen else text)
    return texts
