"""All selectors of one task side by side: what their buffers are worth, and why
(metrics/judging.py)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.distances import DataSpace
from oer_pipeline.metrics.intervals import interval
from oer_pipeline.metrics.judging import Judgement
from oer_pipeline.reports.page import Section, page
from oer_pipeline.reports.projection import Panel, plane
from oer_pipeline.reports.style import GREY, PALETTE, canvas, png_bytes
from oer_pipeline.reports.tables import INTERVALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

Judgements = Mapping[str, Sequence[Judgement]]
"""Selector to its judgements, one a seed, the seeds in the same order for all."""
BASELINE = "uniform"  # what the others are compared with, paired by seed
ORACLE = "oracle"  # looks into the environment: a reference, never marked as best
FIDELITY = ("visits_to_buffer", "buffer_to_visits")
ACROSS = 3  # panels
SHOWN = 500  # visits in a panel
COLOURS = "plasma"
PLAIN = "text-align: right"
BEST = f"{PLAIN}; background: #d5e8f5; font-weight: 600"


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
EXPLANATION = (
    "One panel a selector, best fidelity first; all states are on the first two"
    " principal components of the data, which is light grey. Dots are states that the"
    " policy visits, dark where a buffer state is near in all distance dimensions and"
    " bright where the buffer has nothing like them. Rings are the buffer. Look for"
    " bright dots, visits that the buffer misses, and for rings away from all dots,"
    " memory spent where the policy never goes. Two components hide much: trust the"
    " colours more than the places."
)


@dataclass(frozen=True)
class Scene:
    """One seed's raw observations: the data set, the policy's visits and every
    selector's buffer, (n, O) each."""

    data: FloatArray
    visits: FloatArray
    buffers: Mapping[str, FloatArray]
    dimensions: tuple[int, ...]  # the suite's distance dimensions


def page_of(task: str, judgements: Judgements, scene: Scene) -> str:
    """A self-contained page: two tables, the best of a column marked, and the
    projection as an image.

    Raises:
        DataError: no selector, or a selector without judgements.
    """
    ordered = {name: judgements[name] for name in ranked(judgements)}
    image = (
        '<img alt="projection"'
        f' src="data:image/png;base64,{b64encode(png(scene, list(ordered))).decode()}">'
    )
    sections = [
        (
            "Does the buffer look like what the policy visits?",
            table(ordered, LIKENESS) + _notes(ordered),
            None,
        ),
        *_against_baseline(ordered),
        (
            "Why: the policy's visits over each buffer",
            f"<p>{EXPLANATION}</p>{image}",
            None,
        ),
        ("What is in the buffer?", table(ordered, CONTENT), None),
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
    return sorted(
        judgements,
        key=lambda name: sum(
            np.mean(_values(judgements[name], key)) for key in FIDELITY
        ),
    )


def table(judgements: Judgements, columns: Sequence[Column]) -> str:
    """An HTML table, a row a selector and one of the whole data; columns that no
    selector has are left out."""
    shown = [
        c
        for c in columns
        if any(_values(seeds, c.key) for seeds in judgements.values())
    ]
    best = {c.key: _best(judgements, c.key) for c in shown if c.lower_is_better}
    rows = [
        _row(
            name,
            [(_cell(seeds, c.key, c.digits), best.get(c.key) == name) for c in shown],
        )
        for name, seeds in judgements.items()
    ]
    everything = next(iter(judgements.values()))
    whole = _row(
        "all of the data", [(_cell(everything, c.data, c.digits), False) for c in shown]
    )
    notes = "".join(
        f"<dt>{escape(c.title)}</dt><dd>{escape(c.explanation)}</dd>" for c in shown
    )
    return f"{_html(shown, [rows, [whole]])}\n<dl>{notes}</dl>\n"


def paired(judgements: Judgements, baseline: str) -> dict[str, list[Judgement]]:
    """The other selectors' differences from `baseline`, seed by seed, where both are
    defined.

    Raises:
        DataError: selectors of different numbers of seeds.
    """
    counts = {name: len(seeds) for name, seeds in judgements.items()}
    if len(set(counts.values())) > 1:
        raise DataError(
            f"selectors have judgements of {counts} seeds; to be paired they need the"
            " same number"
        )
    return {
        name: [
            _difference(a, b) for a, b in zip(seeds, judgements[baseline], strict=True)
        ]
        for name, seeds in judgements.items()
        if name != baseline
    }


def _difference(a: Judgement, b: Judgement) -> Judgement:
    return {
        key: x - y
        for key, x in a.items()
        if x is not None and (y := b.get(key)) is not None
    }


def _against_baseline(judgements: Judgements) -> list[Section]:
    """The section of paired differences; none without a baseline or anything beside
    it."""
    if BASELINE not in judgements or len(judgements) == 1:
        return []
    shown = [column for column in LIKENESS if column.key in FIDELITY]
    differences = paired(judgements, BASELINE).items()
    rows = [
        _row(name, [(_cell(d, c.key, c.digits), False) for c in shown])
        for name, d in differences
    ]
    text = (
        f"<p>Difference from {BASELINE}, paired by seed: a seed has its own policy,"
        " harder or easier to follow for all selectors alike, and here that cancels."
        " Negative is better; an interval without 0 is more than chance.</p>"
    )
    return [(f"Better than {BASELINE}?", text + _html(shown, [rows]), None)]


def _html(columns: Sequence[Column], groups: Sequence[Sequence[str]]) -> str:
    head = "".join(
        f'<th scope="col">{escape(title)}</th>'
        for title in ("selector", *(c.title for c in columns))
    )
    bodies = "".join(f"<tbody>{''.join(rows)}</tbody>" for rows in groups)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>{bodies}</table></div>'
    )


def _notes(judgements: Judgements) -> str:
    kinds = {
        interval(_values(seeds, FIDELITY[0])).method for seeds in judgements.values()
    }
    numbers = "; ".join(text for kind, text in INTERVALS.items() if kind in kinds)
    return (
        f"<p>Marked: the lowest mean of the column, the {ORACLE} left out, for it looks"
        " into the environment. Rows are in the order of both directions added."
        f" Numbers: {escape(numbers)}.</p>"
    )


def _values(seeds: Sequence[Judgement], key: str) -> list[float]:
    """The seeds' values, undefined ones left out."""
    return [value for seed in seeds if (value := seed.get(key)) is not None]


def _best(judgements: Judgements, key: str) -> str | None:
    means = {
        name: np.mean(v)
        for name, seeds in judgements.items()
        if name != ORACLE and (v := _values(seeds, key))
    }
    return min(means, key=lambda name: means[name]) if means else None


def _row(name: str, cells: Sequence[tuple[str, bool]]) -> str:
    inside = "".join(
        f'<td style="{BEST if best else PLAIN}">{text}</td>' for text, best in cells
    )
    return f'<tr><th scope="row">{escape(name)}</th>{inside}</tr>'


def _cell(seeds: Sequence[Judgement], key: str, digits: int) -> str:
    """The mean with its interval below, every value where there is no interval, `-`
    where undefined."""
    values = _values(seeds, key)
    if not values:
        return "-"
    found = interval(values)
    if len(set(values)) == 1 or found.low is None or found.high is None:
        return ", ".join(_number(value, digits) for value in dict.fromkeys(values))
    low, high = _number(found.low, digits), _number(found.high, digits)
    return f"{_number(found.mean, digits)}<br><small>[{low}, {high}]</small>"


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0.0 turns -0.0 into 0.0


def png(scene: Scene, selectors: Sequence[str] | None = None) -> bytes:
    """A panel a selector, in the given order: the data, the policy's visits coloured by
    distance, the buffer."""
    names = (
        list(scene.buffers)
        if selectors is None
        else [name for name in selectors if name in scene.buffers]
    )
    space = DataSpace.of(scene.data, scene.dimensions)
    distances = {
        name: space.distances(scene.visits, scene.buffers[name]) for name in names
    }
    low, high = np.quantile(np.concatenate(list(distances.values())), (0.02, 0.98))
    across, rows = min(ACROSS, len(names)), ceil(len(names) / ACROSS)
    drawing, axes = canvas(1.2 + 3.6 * across, 0.9 + 3.5 * rows, rows, across)
    for spare in axes[len(names) :]:
        spare.set_axis_off()
    for axis, name in zip(axes, names, strict=False):
        dots, explained = _draw(axis, scene, name, distances[name])
        dots.set_clim(low, high)
        axis.set_title(
            f"{name}: {distances[name].mean():.2f} from visits to buffer", fontsize=10
        )
    drawing.colorbar(
        dots,
        ax=axes,
        label="distance from a visited state to the nearest buffer state",
        shrink=0.8,
    )
    drawing.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        markerscale=2,
    )
    drawing.suptitle(
        f"Two principal components of the data ({100 * explained:.0f} % of its"
        " variance)",
        fontsize=12,
    )
    return png_bytes(drawing)


def _draw(
    axes: Axes, scene: Scene, name: str, distance: FloatArray
) -> tuple[PathCollection, float]:
    """The dots to be coloured on a common scale, and the share of variance that the
    plane shows."""
    shown = slice(None, None, ceil(len(scene.visits) / SHOWN))
    found = plane(
        Panel(name, scene.data, scene.visits[shown], scene.buffers[name]),
        scene.dimensions,
    )
    data, visits, buffer = (
        found.layers[layer].T for layer in ("data", "visits", "buffer")
    )
    axes.scatter(
        data[0], data[1], color=GREY, s=5, alpha=0.4, linewidths=0, label="data"
    )
    dots = axes.scatter(
        visits[0],
        visits[1],
        c=distance[shown],
        cmap=COLOURS,
        s=10,
        linewidths=0,
        alpha=0.9,
        label="visited state",
    )
    axes.scatter(
        buffer[0],
        buffer[1],
        facecolors="none",
        edgecolors=PALETTE[2],
        s=22,
        linewidths=0.9,
        label="buffer",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#DDDDDD")
    return dots, sum(found.explained)
