"""The smaller tables of a comparison's page: standings, pairs, data, cost, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.metrics.pairs import all_pairs
from oer_pipeline.reports.card_origin import Card, count, versions
from oer_pipeline.reports.cell_metrics import (
    TITLES,
    Cell,
    drawn_scales,
    estimate,
    on_shared_seeds,
    ranked,
    scale,
    shared_values,
)
from oer_pipeline.reports.table import Linked, Row, Table
from oer_pipeline.reports.tables import fixed, number
from oer_pipeline.reports.verdict import standing

SHOWN = {
    "per": "PER",
    "forgetting": "forgetting",
    "plasticity": "plasticity",
}
REFERENCES = {
    "random": "random policy",
    "zero": "doing nothing",
    "medium": "medium policy",
    "expert": "expert",
}
"""Reference policies, and what their columns are called."""
SECONDS = {
    "train": "training, s",
    "select": "selection, s",
    "evaluate": "evaluation, s",
}
"""The steps of a cell whose times are kept, and their columns."""
UNKNOWN = "-"
SHARED = (
    "on the seeds that all methods share; one with fewer than 3 seeds is left out of"
    " this, comes last and is not tested"
)

Times = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Node -> seeds made together -> `seconds` and `cpu_seconds`."""


def standings_table(cells: Sequence[Cell], pages: Mapping[str, str]) -> Table:
    """A row per method by rank: what matters most, and the difference from the best.

    Args:
        cells: of one suite and quality.
        pages: name -> the cell's page, relative to this one.
    """
    order = on_shared_seeds(ranked(cells))
    shown = drawn_scales(order)
    found = standing(cells)
    titles = ["method"]
    for name in shown:
        titles += [f"{title}, {TITLES[name]}" for title in SHOWN.values()]
    titles.append(f"PER - {found.best}'s")
    rows = []
    for cell in order:
        name = cell["cell"]
        row: list[str] = [Linked(name, pages[name]) if name in pages else name]
        for in_scale in shown:
            row += [number(estimate(cell, metric, in_scale), 1) for metric in SHOWN]
        pair = found.of_pair.get((found.best, name))
        difference = None if pair is None else _turned(pair.difference)
        row.append(number(difference, 1))
        rows.append(tuple(row))
    return Table(tuple(titles), tuple(rows), (("PER", SHARED),), sortable=True)


def _turned(difference: Estimate | None) -> Estimate | None:
    """The estimate of the difference the other way round."""
    if difference is None:
        return None
    return interval([-value for value in difference.values])


def pairs_table(cells: Sequence[Cell]) -> Table:
    """Every pair of methods: the difference of their PER, and how likely chance makes
    one as great."""
    order = ranked(cells)
    shown = scale(order)
    scores = shared_values(order, "per", shown)
    rows = []
    tested = 0
    for pair in all_pairs(scores):
        tested += pair.p is not None
        rows.append(
            (
                f"{pair.first} - {pair.second}",
                number(pair.difference, 1),
                _probability(pair.p),
                _probability(pair.corrected),
            )
        )
    titles = ("difference of PER", TITLES[shown], "p", "p, corrected")
    notes = (
        ("difference of PER", SHARED),
        ("p", "Student's t test that the mean difference is 0, paired by seed"),
        (
            "p, corrected",
            f"for the {tested} pairs of this table that have a p (Holm 1979)",
        ),
    )
    return Table(titles, tuple(rows), notes, sortable=True)


def _probability(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def data_table(
    data: Mapping[str, str],
    cards: Mapping[str, Card],
    pages: Mapping[str, str],
) -> Table:
    """A row per task's data set: its size, its returns, and those of the reference
    policies.

    Args:
        data: task -> the name that its data have; another one in a shuffled run.
        cards: by the name that the data have.
        pages: of the cards, relative to this one.
    """
    known = []
    for name in REFERENCES:
        if any(name in (card.get("references") or {}) for card in cards.values()):
            known.append(name)
    rows = []
    for task, name in data.items():
        card = cards[name]
        references = card.get("references") or {}
        title = task if name == task else f"{task} (in the suite {name})"
        row: list[str] = [
            Linked(title, pages[name]) if name in pages else title,
            count(card.get("transitions")),
            count(card.get("episodes")),
            _mean(card.get("returns")),
        ]
        row += [_mean(references.get(name)) for name in known]
        rows.append(tuple(row))
    titles = ["data of", "transitions", "episodes", "mean return"]
    titles += [REFERENCES[name] for name in known]
    return Table(tuple(titles), tuple(rows))


def _mean(measured: Mapping[str, Any] | None) -> str:
    if not measured or measured.get("mean") is None:
        return UNKNOWN
    return fixed(measured["mean"], 1)


def cost_table(cells: Sequence[Cell], times: Mapping[str, Times]) -> Table:
    """A row per method: what it took.

    Args:
        cells: of one suite and quality.
        times: name -> what is known of the cell's seconds; nothing where it was made
            elsewhere.
    """
    rows = []
    some_times = any(times.values())
    for cell in ranked(cells):
        cost = cell["cost"]
        row = [
            cell["cell"],
            f"{cost['updates']:,}",
            f"{cost['parameters']:,}",
            f"{cost['replay_bytes'] / 1000:,.0f}",
        ]
        if some_times:
            row += _seconds(times.get(cell["cell"], {}), len(cell["tasks"]))
        rows.append(tuple(row))
    titles = ["method", "updates per seed", "parameters", "replay, kB"]
    notes: tuple[tuple[str, str], ...] = ()
    if some_times:
        titles += [*SECONDS.values(), "CPU, s", "trainings timed"]
        notes = (
            (
                "seconds",
                "of all seeds together, on this machine, the last time each ran",
            ),
            (
                "trainings timed",
                "how many; a training that another cell had made by the same recipe is"
                " taken over and takes no time. Data and transition models are shared"
                " and not counted",
            ),
        )
    return Table(tuple(titles), tuple(rows), notes, sortable=True)


def _seconds(times: Times, tasks: int) -> list[str]:
    """Seconds of each step, the processor's, and how many tasks they are of."""
    if not times:
        return [UNKNOWN] * (len(SECONDS) + 2)
    totals = dict.fromkeys(SECONDS, 0.0)
    processor = 0.0
    timed = set()
    for node, by_seeds in times.items():
        task, _, step = node.rpartition(".")
        if step not in totals:
            continue
        for spent in by_seeds.values():
            totals[step] += spent["seconds"]
            processor += spent["cpu_seconds"]
        if step == "train":
            timed.add(task)
    row = [f"{seconds:,.0f}" for seconds in totals.values()]
    return [*row, f"{processor:,.0f}", f"{len(timed)} of {tasks}"]


def versions_table(
    libraries: Mapping[str, Mapping[str, str]], cards: Mapping[str, Card]
) -> Table | None:
    """What made data and policies; None where nothing is known.

    Args:
        libraries: name of a cell -> library -> the version that trained it.
        cards: task -> its data card.
    """
    found: dict[str, dict[str, None]] = {}
    for card in cards.values():
        for library, version in versions(card).items():
            found.setdefault(f"{library} (data)", {})[str(version)] = None
    for by_library in libraries.values():
        for library, version in by_library.items():
            found.setdefault(library, {})[str(version)] = None
    if not found:
        return None
    rows: list[Row] = []
    for library, all_versions in found.items():
        rows.append((library, ", ".join(all_versions)))
    return Table(("made with", "version"), tuple(rows), words=2)
