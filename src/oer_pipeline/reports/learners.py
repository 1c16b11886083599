"""The two tables of docs/learners.md: learners side by side, and what tuning tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oer_pipeline.errors import ConfigurationError, choices
from oer_pipeline.metrics.intervals import paired_difference
from oer_pipeline.reports.cells import (
    UNITS,
    Cell,
    drawn_scales,
    estimate,
    ranked,
    scale,
    seed_values,
    with_forward_transfer,
)
from oer_pipeline.reports.tables import number

METRICS = {
    "per": "PER",
    "bwt_paper": "BWT (+ forgets)",
    "plasticity": "plasticity",
    "forgetting": "forgetting",
    "zero_shot": "zero-shot",
    "forward_transfer": "forward transfer",
}


def learners_table(cells: Sequence[Cell], reference: str) -> str:
    """Markdown, a row a cell by rank: metrics, PER minus that of the cell `reference` paired by seed, and cost.

    On the success scale where the suite has it, with PER as return beside.

    Raises:
        ConfigurationError: no cell is called `reference`.
        DataError: cells that may not be compared (`cells.ranked`).
    """
    shown = scale(cells)
    order = with_forward_transfer(ranked(cells))
    by_name = {cell["cell"]: cell for cell in order}
    if reference not in by_name:
        raise ConfigurationError(f"no cell is called {reference!r}; {choices(by_name, reference)}")
    base = seed_values(by_name[reference], "per", shown)
    beside = drawn_scales(order[0])[1:] if shown == "success" else ()
    rows = []
    for name, cell in by_name.items():
        values = [number(estimate(cell, metric, shown), 1) for metric in METRICS]
        values += [number(estimate(cell, "per", name), 1) for name in beside]
        difference = None if name == reference else paired_difference(seed_values(cell, "per", shown), base)
        cost = [f"{cell['cost']['parameters']:,}", f"{cell['cost']['replay_bytes'] / 1000:,.0f}"]
        rows.append([name, *values, number(difference, 1), *cost])
    returns = [f"PER, {name} return" for name in beside]
    titles = ["method", *METRICS.values(), *returns, f"PER - {reference}", "parameters", "replay kB"]
    first, seeds = order[0], ", ".join(map(str, order[0]["seeds"]))
    where = f"{first['suite']}, {first['quality']}, {len(first['tasks'])} tasks, seeds {seeds}"
    measure = UNITS[shown] if shown == "success" else f"{shown} returns"
    return f"{where}; {measure}.\n\n{_markdown(titles, rows)}"


def tuning_table(tuned: Mapping[str, Any]) -> str:
    """Markdown, a row a tuned method: its option and the PER of every value, the chosen one bold."""
    entries = {method: found["provenance"] for method, found in tuned.items() if "values" in found["provenance"]}
    if not entries:
        return "Nothing has been tuned yet: `make tune`."
    rows = [[m, f"`{about['option']}`", *_tried(about, tuned[m]["parameters"])] for m, about in entries.items()]
    about = next(iter(entries.values()))
    where = f"{about['suite']}, {about['quality']}, {about['tasks']} tasks, {about['updates']:,} updates a task"
    seeds = ", ".join(map(str, about["seeds"]))
    twins = [f"{m} takes over {f['provenance']['as']}'s" for m, f in tuned.items() if "as" in f["provenance"]]
    scale_of = ", success in %" if about.get("scale") == "success" else ""
    note = f"PER on {where}{scale_of}, seeds {seeds}{''.join(f'; {t}' for t in twins)}."
    return f"{note}\n\n{_markdown(['method', 'option', *(f'{v:g}' for v in about['values'])], rows)}"


def _tried(about: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    """PER of every value, the chosen one bold: it stands in the parameters where the option's dotted name leads."""
    chosen: Any = parameters
    for key in about["option"].split("."):
        chosen = chosen.get(key) if isinstance(chosen, Mapping) else None
    texts = {v: "diverged" if per is None else f"{per:.1f}" for v, per in about["values"].items()}
    return [f"**{text}**" if value == chosen else text for value, text in texts.items()]


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |\n" for line in lines)
