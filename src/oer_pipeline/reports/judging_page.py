"""All selectors of one task side by side: what their buffers are worth, and why
(metrics/judging.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.intervals import interval
from oer_pipeline.metrics.judging import Judgement
from oer_pipeline.metrics.report import DIRECTIONS
from oer_pipeline.reports.judging_picture import Scene, judging_png
from oer_pipeline.reports.judging_table import ORACLE
from oer_pipeline.reports.page import Picture, Section, page
from oer_pipeline.reports.table import Marked, Row, Table
from oer_pipeline.reports.tables import explain_numbers, fixed, number

Judgements = Mapping[str, Sequence[Judgement]]
"""Selector to its judgements, one per seed, the seeds in the same order for all."""
BASELINE = "uniform"  # what the others are compared with, paired by seed


class Column(NamedTuple):
    """A judgement's place in a table; `data`: the judgement that says the same of the
    whole data set."""

    key: str
    title: str
    digits: int
    explanation: str
    data: str = ""
    lower_is_better: bool = False


LIKENESS = (
    Column(
        "visits_to_buffer",
        "visits to buffer",
        2,
        "mean distance from a state that the policy visits to the nearest buffer state,"
        " standardised units; that to the data is what no buffer can beat",
        "visits_to_data",
        True,
    ),
    Column(
        "buffer_to_visits",
        "buffer to visits",
        2,
        "the reverse; both have to be small, one alone favours mere spread",
        lower_is_better=True,
    ),
    Column(
        "visits_to_buffer_odometer",
        "visits to buffer (odometer)",
        2,
        "the same with the dimensions that the suite leaves out of distances",
        lower_is_better=True,
    ),
    Column(
        "buffer_to_visits_odometer",
        "buffer to visits (odometer)",
        2,
        "the reverse of that",
        lower_is_better=True,
    ),
    Column(
        "action_gap",
        "action gap",
        3,
        "mean difference of the data's action and the policy's, per dimension",
        lower_is_better=True,
    ),
)
CONTENT = (
    Column(
        "coverage",
        "coverage",
        2,
        "share of the data's states that a buffer state is as near to as neighbours in"
        " the data are (0.99 quantile); spread is no virtue by itself",
    ),
    Column(
        "cells",
        "cells",
        0,
        "of 100 cells around states drawn from the data, how many hold a buffer state",
    ),
    Column("episodes", "episodes", 0, "different episodes that the rows come from"),
    Column(
        "return_mean",
        "return",
        1,
        "of the episodes that the rows come from, mean over rows",
        "data_return_mean",
    ),
    Column(
        "return_sd",
        "sd of return",
        1,
        "its standard deviation over rows",
        "data_return_sd",
    ),
    Column(
        "return_q10", "return, 0.1", 1, "its 0.1 quantile over rows", "data_return_q10"
    ),
    Column(
        "return_q90", "return, 0.9", 1, "its 0.9 quantile over rows", "data_return_q90"
    ),
    Column("reward_mean", "reward", 2, "mean over rows", "data_reward_mean"),
    Column(
        "random_share",
        "random share",
        2,
        "share of rows that the random policy collected",
    ),
    Column("walked", "walked", 0, "rows that a walk in the transition model led to"),
    Column("filled", "filled", 0, "rows drawn uniformly because no walk found more"),
)
BETTER = (
    f"Difference from {BASELINE}, paired by seed: a seed has its own policy, harder or"
    " easier to follow for all selectors alike, and here that cancels. Negative is"
    " better; an interval without 0 is more than chance."
)
MARKS = (
    f"Marked: the lowest mean of the column, the {ORACLE} left out, for it looks into"
    " the environment. Rows are in the order of both directions added."
)
EXPLANATION = (
    "One panel per selector, best fidelity first; all states are on the first two"
    " principal components of the data, which is light grey. Dots are states that the"
    " policy visits, dark where a buffer state is near in all distance dimensions and"
    " bright where the buffer has nothing like them. Rings are the buffer. Look for"
    " bright dots, visits that the buffer misses, and for rings away from all dots,"
    " memory spent where the policy never goes. Two components hide much: trust the"
    " colours more than the places."
)


def judging_page(task: str, judgements: Judgements, scene: Scene) -> str:
    """A self-contained page: two tables, the best of a column marked, and the
    projection as an image.

    Args:
        task: what the title calls it.
        judgements: of every selector.
        scene: of one seed, for the projection.

    Raises:
        DataError: no selector, or a selector without judgements.
    """
    ordered = {name: judgements[name] for name in ranked(judgements)}
    picture = Picture(judging_png(scene, list(ordered)), "projection")
    likeness = table(ordered, LIKENESS)
    sections = [
        Section(
            "Does the buffer look like what the policy visits?",
            [likeness, f"{MARKS} Numbers: {_methods(ordered)}."],
        )
    ]
    if BASELINE in ordered and len(ordered) > 1:
        differences = difference_table(ordered)
        sections.append(Section(f"Better than {BASELINE}?", [BETTER, differences]))
    sections += [
        Section("Why: the policy's visits over each buffer", [EXPLANATION, picture]),
        Section("What is in the buffer?", [table(ordered, CONTENT)]),
    ]
    return page(f"Selectors on {task}", sections)


def ranked(judgements: Judgements) -> list[str]:
    """The selectors by fidelity, both directions added, best first; equal ones stay in
    their order.

    Raises:
        DataError: no selector, or a selector without judgements.
    """
    empty = [name for name, seeds in judgements.items() if not seeds]
    if not judgements or empty:
        raise DataError(
            f"selectors to compare: {list(judgements)}; without a judgement: {empty};"
            " each needs at least one"
        )

    def distance(name: str) -> float:
        seeds = judgements[name]
        return sum(float(np.mean(_values(seeds, key))) for key in DIRECTIONS)

    return sorted(judgements, key=distance)


def table(judgements: Judgements, columns: Sequence[Column]) -> Table:
    """A row per selector and one of the whole data; columns that no selector has are
    left out."""
    shown = [column for column in columns if _is_known(judgements, column.key)]
    best = {}
    for column in shown:
        if column.lower_is_better:
            best[column.key] = _best(judgements, column.key)
    rows: list[Row] = []
    for name, seeds in judgements.items():
        row = [name]
        for column in shown:
            text = _cell(seeds, column.key, column.digits)
            row.append(Marked(text) if best.get(column.key) == name else text)
        rows.append(tuple(row))
    everything = next(iter(judgements.values()))
    data = [_cell(everything, column.data, column.digits) for column in shown]
    rows.append(("all of the data", *data))
    titles = ("selector", *(column.title for column in shown))
    notes = tuple((column.title, column.explanation) for column in shown)
    return Table(titles, tuple(rows), notes)


def difference_table(judgements: Judgements) -> Table:
    """A row per selector but the baseline: its differences from it, paired by seed."""
    shown = [column for column in LIKENESS if column.key in DIRECTIONS]
    rows: list[Row] = []
    for name, seeds in paired(judgements, BASELINE).items():
        cells = [_cell(seeds, column.key, column.digits) for column in shown]
        rows.append((name, *cells))
    titles = ("selector", *(column.title for column in shown))
    return Table(titles, tuple(rows))


def paired(judgements: Judgements, baseline: str) -> dict[str, list[Judgement]]:
    """The other selectors' differences from `baseline`, seed by seed, where both are
    defined.

    Args:
        judgements: of every selector.
        baseline: the name of one of them.

    Raises:
        DataError: selectors of different numbers of seeds.
    """
    counts = {name: len(seeds) for name, seeds in judgements.items()}
    if len(set(counts.values())) > 1:
        raise DataError(
            f"selectors have judgements of {counts} seeds; to be paired they need the"
            " same number"
        )
    found = {}
    for name, seeds in judgements.items():
        if name != baseline:
            pairs = zip(seeds, judgements[baseline], strict=True)
            found[name] = [_difference(own, other) for own, other in pairs]
    return found


def _difference(own: Judgement, other: Judgement) -> Judgement:
    found: Judgement = {}
    for key, value in own.items():
        subtracted = other.get(key)
        if value is not None and subtracted is not None:
            found[key] = value - subtracted
    return found


def _methods(judgements: Judgements) -> str:
    """How to read the numbers."""
    methods = set()
    for seeds in judgements.values():
        methods.add(interval(_values(seeds, DIRECTIONS[0])).method)
    return explain_numbers(methods)


def _is_known(judgements: Judgements, key: str) -> bool:
    return any(_values(seeds, key) for seeds in judgements.values())


def _values(seeds: Sequence[Judgement], key: str) -> list[float]:
    """The seeds' values, undefined ones left out."""
    values = [seed.get(key) for seed in seeds]
    return [value for value in values if value is not None]


def _best(judgements: Judgements, key: str) -> str | None:
    """The selector of the lowest mean; None where no value is defined."""
    means = {}
    for name, seeds in judgements.items():
        values = _values(seeds, key)
        if values and name != ORACLE:
            means[name] = float(np.mean(values))
    return min(means, key=lambda name: means[name], default=None)


def _cell(seeds: Sequence[Judgement], key: str, digits: int) -> str:
    """The mean with its interval below, every value where there is no interval, the
    only value where all agree, `-` where undefined."""
    values = _values(seeds, key)
    if not values:
        return "-"
    found = interval(values)
    if len(set(values)) == 1 or found.low is None:
        return ", ".join(fixed(value, digits) for value in dict.fromkeys(values))
    return number(found, digits)
