"""How good the transition models of a suite are, as charts of each task's report
(dynamics/assessment/report.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.chart import Axis, Chart, Panel, Series, bars
from oer_pipeline.reports.palette import GREY, PALETTE, colour

Report = Mapping[str, Any]
Reports = Mapping[str, Report]
"""Task to its report, what `fit` says of the training included or not; all of one
suite."""
PREDICTORS = {"ensemble": PALETTE[0], "linear": PALETTE[1], "no_change": PALETTE[7]}
HEURISTICS = {"disagreement": PALETTE[0], "mixture": PALETTE[2], "max_std": PALETTE[3]}
PLACES = {
    "inside": "held-out",
    "random_action": "random\naction",
    "perturbed_state": "perturbed\nstate",
}
SIZE = (7.0, 4.2)
"""Inches."""
BESIDE = 0.22  # dimensions: what the predictors' marks are apart
MOST_TICKS = 20
TENTHS = range(1, 11)


class Question(NamedTuple):
    """What a chart answers, and how to read it."""

    title: str
    text: str
    panel: Callable[[Reports], Panel]

    def chart(self, reports: Reports) -> Chart:
        """The answer that the reports give."""
        return Chart(self.title, [self.panel(reports)], SIZE)


def relative_errors(reports: Reports) -> Panel:
    """One step's error by dimension, relative to that of no change."""
    layers = by_dimension(reports, _relative_rmse)
    y = Axis("RMSE / RMSE of no change", logarithmic=True)
    return Panel(layers, _dimensions(reports), y)


def likelihoods(reports: Reports) -> Panel:
    """One step's negative log-likelihood by dimension."""
    layers = by_dimension(reports, _likelihood)
    y = Axis("negative log-likelihood (nats)")
    return Panel(layers, _dimensions(reports), y)


def by_dimension(
    reports: Reports, measure: Callable[[Report, str], FloatArray]
) -> list[Series]:
    """A mark per dimension and predictor, the mean over tasks; a bar from the lowest
    task to the highest."""
    layers = []
    for number, (name, tint) in enumerate(PREDICTORS.items()):
        values = np.array([measure(report, name) for report in reports.values()])
        if not _with_rewards(reports):
            values = values[:, :-1]
        at = np.arange(values.shape[1]) + BESIDE * (number - 1)
        low = values.min(axis=0)
        high = values.max(axis=0)
        layers.append(
            bars(
                at,
                low,
                high,
                tint,
                line=1.6,
                opacity=0.6,
            )
        )
        mean = values.mean(axis=0)
        shown = _shown(name)
        hover = [f"{shown}, dimension {n}: {v:.2f}" for n, v in enumerate(mean)]
        layers.append(
            Series(
                at,
                mean,
                tint,
                shown,
                marker=5,
                hover=hover,
            )
        )
    return layers


def _relative_rmse(report: Report, predictor: str) -> FloatArray:
    """Per dimension of (s', r), NaN where constant: root mean squares relative to those
    of no change. The place of r is NaN where the data have no rewards."""
    values = _per_dimension(report, "rmse", predictor)
    reference = _per_dimension(report, "rmse", "no_change")
    constant = np.isnan(_per_dimension(report, "nll", "ensemble"))
    defined = ~constant & (reference > 0)
    nothing = np.full_like(values, np.nan)
    return np.divide(values, reference, out=nothing, where=defined)


def _likelihood(report: Report, predictor: str) -> FloatArray:
    return _per_dimension(report, "nll", predictor)


def _per_dimension(
    report: Report,
    measure: str,
    predictor: str,
) -> FloatArray:
    """Per dimension of (s', r), NaN where undefined; r is, where there are no
    rewards."""
    values = _numbers(report[measure][predictor])
    return values if report.get("rewards", True) else np.append(values, np.nan)


def _dimensions(reports: Reports) -> Axis:
    """The axis of the dimensions of s', and of r where there are rewards."""
    first = next(iter(reports.values()))
    last = len(_likelihood(first, "ensemble")) - 1
    if not _with_rewards(reports):
        last -= 1
    names = {float(n): str(n) for n in range(0, last, 1 + last // MOST_TICKS)}
    if _with_rewards(reports):
        return Axis("dimension of s' (r: reward)", {**names, float(last): "r"})
    return Axis("dimension of s'", {**names, float(last): str(last)})


def _with_rewards(reports: Reports) -> bool:
    return any(report.get("rewards", True) for report in reports.values())


def open_loop(reports: Reports) -> Panel:
    """The error of predictions that feed on themselves, by steps ahead."""
    ahead = [report["open_loop"] for report in reports.values()]
    steps = ahead[0]["steps"]
    layers = []
    for name, tint in PREDICTORS.items():
        rows = [found[name] for found in ahead]
        layers += _lines(steps, rows, tint, _shown(name))
    names = {float(step): str(step) for step in steps}
    x = Axis("steps ahead", names, logarithmic=True)
    return Panel(layers, x, Axis("error (standard deviations)", logarithmic=True))


def calibration(reports: Reports) -> Panel:
    """Claimed and found coverage of central intervals."""
    layers = [
        Series(
            [0, 1],
            [0, 1],
            GREY,
            "perfect",
            line=2,
            dashed=True,
        )
    ]
    for number, (task, report) in enumerate(reports.items()):
        found = report["calibration"]
        layers.append(
            Series(
                found["nominal"],
                found["empirical"],
                colour(number),
                f"{task}\n(off by {found['error']:.2f})",
                line=2.5,
            )
        )
    y = "coverage found\n(below the diagonal: too sure, above: too cautious)"
    x = Axis("coverage that the intervals claim", limits=(0, 1))
    return Panel(layers, x, Axis(y, limits=(0, 1)))


def heuristics(reports: Reports) -> Panel:
    """The true error in ten groups of rows, from the least to the most uncertain; tasks
    with fewer rows are left out."""
    layers: list[Series] = []
    highest = 0.0
    for name, tint in HEURISTICS.items():
        found = [report["uncertainty"][name] for report in reports.values()]
        ranks = [own["spearman"] for own in found if own["spearman"] is not None]
        label = _shown(name)
        if ranks:
            label += f"\n(rank correlation {np.mean(ranks):.2f})"
        errors = [own["error_by_decile"] for own in found]
        rows = [row for row in errors if None not in row]
        if rows:
            layers += _lines(TENTHS, rows, tint, label)
            highest = max(highest, float(np.max(rows)))
    names = {float(n): str(n) for n in TENTHS}
    x = Axis("tenth of held-out rows, least to most uncertain", names)
    limits = (0.0, 1.05 * highest) if layers else None
    return Panel(layers, x, Axis("true error (standardised)", limits=limits))


def inside_and_outside(reports: Reports) -> Panel:
    """Disagreement at rows of the data and at two kinds of others."""
    layers = []
    for number, (task, report) in enumerate(reports.items()):
        found = report["uncertainty"]["disagreement"]
        low, middle, high = np.array([found[place] for place in PLACES]).T
        at = np.arange(len(PLACES)) + 0.12 * (number - (len(reports) - 1) / 2)
        tint = colour(number)
        layers.append(
            bars(
                at,
                low,
                high,
                tint,
                line=3.5,
                opacity=0.6,
            )
        )
        hover = [f"{task}: {value:.2f}" for value in middle]
        layers.append(
            Series(
                at,
                middle,
                tint,
                task,
                marker=7,
                hover=hover,
            )
        )
    names = {float(n): name for n, name in enumerate(PLACES.values())}
    x = Axis(names=names, limits=(-0.5, len(PLACES) - 0.5))
    y = Axis("disagreement\n(median, 0.1 to 0.9 quantile)", logarithmic=True)
    return Panel(layers, x, y)


def _lines(
    x: Sequence[float],
    rows: Sequence[Sequence[float | None]],
    tint: str,
    label: str,
) -> list[Series]:
    """A thin line per task, a bold one for their mean; undefined values are left
    out."""
    values = np.array([_numbers(row) for row in rows])
    layers = [
        Series(
            x,
            row,
            tint,
            label,
            in_legend=False,
            line=1.3,
            opacity=0.35,
        )
        for row in values
    ]
    mean = values.mean(axis=0)
    hover = [f"{label} at {n}: {value:.2f}" for n, value in zip(x, mean, strict=True)]
    layers.append(
        Series(
            x,
            mean,
            tint,
            label,
            line=3,
            marker=6,
            hover=hover,
        )
    )
    return layers


def _numbers(values: Sequence[float | None]) -> FloatArray:
    """An array with NaN for None."""
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _shown(name: str) -> str:
    return name.replace("_", " ")


QUESTIONS = (
    Question(
        "One step: error by dimension",
        "Root mean square error of the change on held-out episodes, relative to"
        " predicting no change (1). Marks: mean over tasks; bars: from the best task to"
        " the worst. Constant dimensions are left out.",
        relative_errors,
    ),
    Question(
        "One step: likelihood by dimension",
        "Negative log-likelihood of the standardised change, lower is better; the"
        " references are Gaussians as wide as their own residuals.",
        likelihoods,
    ),
    Question(
        "Many steps: error of open-loop roll-outs",
        "Predictions that feed on themselves along the actions of held-out episodes. A"
        " model is worth its steps for as long as it stays below its references.",
        open_loop,
    ),
    Question(
        "Calibration",
        "Central intervals of the ensemble's mixture that claim to hold the truth in so"
        " many cases, and how often they did on held-out rows, averaged over outputs.",
        calibration,
    ),
    Question(
        "Does uncertainty follow the true error?",
        "Held-out rows in ten groups, from the least to the most uncertain by each"
        " heuristic, and the error of the ensemble's mean there. A good heuristic rises"
        " from left to right. Tasks with fewer than ten held-out rows are left out.",
        heuristics,
    ),
    Question(
        "Disagreement inside and outside the data",
        "Held-out pairs of state and action; the same states with uniformly random"
        " actions; the same actions at states moved by noise of the data's own standard"
        " deviation. What happens outside is unknown.",
        inside_and_outside,
    ),
)
