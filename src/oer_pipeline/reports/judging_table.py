"""Judgements as tables: out of files, and over tasks and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from oer_pipeline.metrics.intervals import interval
from oer_pipeline.metrics.judging import Judgement
from oer_pipeline.reports.markdown import markdown

if TYPE_CHECKING:
    import pandas as pd


def judgements_at(
    by_seed: Sequence[pd.DataFrame], size: int
) -> dict[str, list[Judgement]]:
    """Selector -> its judgements at M = `size`, one a seed, selectors in the order of
    the files."""
    found: dict[str, list[Judgement]] = {}
    for table in by_seed:
        for record in table[table["size"] == size].to_dict("records"):
            name = str(record["selector"])
            values = {
                str(k): _number(v)
                for k, v in record.items()
                if k not in ("selector", "size")
            }
            found.setdefault(name, []).append(values)
    return found


def _number(value: object) -> float | None:
    number = None if value is None else float(str(value))
    return None if number is None or number != number else number


def fidelity_table(tasks: Mapping[str, Sequence[pd.DataFrame]], key: str) -> str:
    """Markdown: a row a selector, a column a size; the mean over tasks, with its
    interval over seeds.

    A seed's value is its mean over `tasks` (name -> one table a seed); the lowest mean
    of a column that does not look into the environment is bold.
    """
    first = next(iter(tasks.values()))[0]
    names, sizes = list(dict.fromkeys(first["selector"])), sorted(set(first["size"]))
    estimates = {
        n: {m: interval(_per_seed(tasks, n, m, key)) for m in sizes} for n in names
    }
    best = {
        m: min((n for n in names if n != "oracle"), key=lambda n: estimates[n][m].mean)
        for m in sizes
    }
    rows = []
    for name in sorted(names, key=lambda n: sum(e.mean for e in estimates[n].values())):
        cells = [
            (
                f"{e.mean:.2f}"
                if e.low is None
                else f"{e.mean:.2f} [{e.low:.2f}, {e.high:.2f}]"
            )
            for e in estimates[name].values()
        ]
        marked = [
            f"**{c}**" if best[m] == name else c
            for m, c in zip(sizes, cells, strict=True)
        ]
        rows.append((name, *marked))
    return markdown(["selector", *(f"M = {m}" for m in sizes)], rows)


def _per_seed(
    tasks: Mapping[str, Sequence[pd.DataFrame]], selector: str, size: int, key: str
) -> list[float]:
    seeds = len(next(iter(tasks.values())))
    values = []
    for seed in range(seeds):
        own = [
            t[seed][(t[seed]["selector"] == selector) & (t[seed]["size"] == size)][
                key
            ].iloc[0]
            for t in tasks.values()
        ]
        values.append(float(sum(own) / len(own)))
    return values
