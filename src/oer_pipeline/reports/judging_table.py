"""Judgements as tables: out of files, and over tasks and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.metrics.judging import Judgement
from oer_pipeline.reports.table import Marked, Table
from oer_pipeline.reports.tables import number

if TYPE_CHECKING:
    import pandas as pd

ORACLE = "oracle"
"""The selector that looks into the environment: never marked as best."""


def judgements_at(
    by_seed: Sequence[pd.DataFrame],
    size: int,
) -> dict[str, list[Judgement]]:
    """Selector -> its judgements at M = `size`, one per seed, selectors in the order of
    the files."""
    found: dict[str, list[Judgement]] = {}
    for table in by_seed:
        of_size = table[table["size"] == size]
        for record in of_size.to_dict("records"):
            name = str(record.pop("selector"))
            del record["size"]
            judgement = {}
            for key, value in record.items():
                judgement[str(key)] = _number(value)
            found.setdefault(name, []).append(judgement)
    return found


def _number(value: object) -> float | None:
    """The number in a table's cell; None for what is missing there."""
    if value is None:
        return None
    found = float(str(value))
    return None if isnan(found) else found


def fidelity_table(
    tasks: Mapping[str, Sequence[pd.DataFrame]],
    key: str,
) -> str:
    """Markdown: a row per selector, a column per size; the mean over tasks, with its
    interval over seeds.

    The lowest mean of a column that does not look into the environment is bold.

    Args:
        tasks: name -> one table per seed; a seed's value is its mean over the tasks.
        key: the judgement that is shown.
    """
    first = next(iter(tasks.values()))[0]
    sizes = sorted(set(first["size"]))
    estimates: dict[str, list[Estimate]] = {}
    for name in dict.fromkeys(first["selector"]):
        estimates[str(name)] = [
            interval(_per_seed(tasks, name, size, key)) for size in sizes
        ]
    best = [_best(estimates, column) for column in range(len(sizes))]

    def over_sizes(name: str) -> float:
        return sum(estimate.mean for estimate in estimates[name])

    rows = []
    for name in sorted(estimates, key=over_sizes):
        row = [name]
        for estimate, winner in zip(estimates[name], best, strict=True):
            text = _cell(estimate)
            row.append(Marked(text) if name == winner else text)
        rows.append(tuple(row))
    titles = ("selector", *(f"M = {size}" for size in sizes))
    table = Table(titles, tuple(rows))
    return table.markdown()


def _cell(estimate: Estimate) -> str:
    """The mean, and the interval where there is one."""
    if estimate.low is None:
        return f"{estimate.mean:.2f}"
    return number(estimate, 2)


def _best(
    estimates: Mapping[str, Sequence[Estimate]],
    column: int,
) -> str | None:
    """The selector of the lowest mean in a column; None where none competes."""
    means = {}
    for name, found in estimates.items():
        if name != ORACLE:
            means[name] = found[column].mean
    return min(means, key=means.__getitem__, default=None)


def _per_seed(
    tasks: Mapping[str, Sequence[pd.DataFrame]],
    selector: str,
    size: int,
    key: str,
) -> list[float]:
    """A selector's mean over tasks, for each seed."""
    means = []
    for tables in zip(*tasks.values(), strict=True):
        total = 0.0
        for table in tables:
            of_selector = table["selector"] == selector
            of_size = table["size"] == size
            chosen = table[of_selector & of_size]
            total += chosen[key].iloc[0]
        means.append(float(total / len(tables)))
    return means
