"""How good the transition models of a suite are: figures and a page from each task's
report (dynamics/report.py)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.reports.page import page
from oer_pipeline.reports.style import GREY, PALETTE, canvas, colour, png_bytes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Reports = Mapping[str, Mapping[str, Any]]
"""Task to its report, what `fit` says of the training included or not; all of one
suite."""
PREDICTORS = {"ensemble": PALETTE[0], "linear": PALETTE[1], "no_change": PALETTE[7]}
HEURISTICS = {"disagreement": PALETTE[0], "mixture": PALETTE[2], "max_std": PALETTE[3]}
PLACES = {
    "inside": "held-out",
    "random_action": "random\naction",
    "perturbed_state": "perturbed\nstate",
}


def page_of(reports: Reports) -> str:
    """One self-contained page, every figure with the question that it answers, and a
    table of the numbers."""
    sections = [(p.title, f"<p>{p.text}</p>{_image(p, reports)}", None) for p in PANELS]
    return page(
        "Transition models",
        [("Each task in numbers", _table(reports), None), *sections],
    )


def png(reports: Reports) -> bytes:
    """All figures on one sheet."""
    drawing, axes = canvas(19.0, 8.5, 2, 3)
    for axis, panel in zip(axes, PANELS, strict=True):
        _draw(axis, panel, reports)
        axis.set_title(panel.title, fontsize=11)
    return png_bytes(drawing)


class Panel(NamedTuple):
    """A figure: what it is called, what to see in it, and how it is drawn."""

    title: str
    text: str
    draw: Callable[[Axes, Reports], None]
    width: float = 8.0  # inches


def _image(panel: Panel, reports: Reports) -> str:
    drawing, (axes,) = canvas(panel.width, 3.8)
    _draw(axes, panel, reports)
    data = b64encode(png_bytes(drawing)).decode()
    return (
        f'<img alt="{escape(panel.title)}" src="data:image/png;base64,{data}"'
        f' width="{96 * panel.width:.0f}">'
    )


def _draw(axes: Axes, panel: Panel, reports: Reports) -> None:
    panel.draw(axes, reports)
    tidy(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _by_dimension(measure: str, label: str) -> Callable[[Axes, Reports], None]:
    """A mark per dimension and predictor, the mean over tasks; a bar from the lowest
    task to the highest."""

    def draw(axes: Axes, reports: Reports) -> None:
        rewards = any(report.get("rewards", True) for report in reports.values())
        for n, (name, tint) in enumerate(PREDICTORS.items()):
            values = np.array(
                [_errors(report, measure, name) for report in reports.values()]
            )
            values = values if rewards else values[:, :-1]
            at = np.arange(values.shape[1]) + 0.22 * (n - 1)
            axes.vlines(
                at,
                values.min(axis=0),
                values.max(axis=0),
                color=tint,
                linewidth=1.2,
                alpha=0.6,
            )
            axes.plot(
                at,
                values.mean(axis=0),
                "o",
                color=tint,
                markersize=3.5,
                label=name.replace("_", " "),
            )
        last = values.shape[1] - 1
        shown = range(0, last, 1 + last // 20)
        axes.set_xticks(
            [*shown, last], [*map(str, shown), "r" if rewards else str(last)]
        )
        axes.set(
            xlabel=f"dimension of s'{' (r: reward)' if rewards else ''}", ylabel=label
        )
        if measure == "rmse":
            _logarithmic(axes)

    return draw


def _errors(report: Mapping[str, Any], measure: str, predictor: str) -> FloatArray:
    """Per dimension of (s', r), NaN where constant; root mean squares relative to those
    of no change.

    The place of r is NaN where the data have no rewards.
    """
    absent = [] if report.get("rewards", True) else [None]
    found = [*report[measure][predictor], *absent]
    values = np.array([np.nan if v is None else v for v in found], np.float64)
    if measure != "rmse":
        return values
    reference = np.array(
        [*report["rmse"]["no_change"], *(0.0 for _ in absent)], np.float64
    )
    constant = np.array([v is None for v in [*report["nll"]["ensemble"], *absent]])
    return np.divide(
        values,
        reference,
        out=np.full_like(values, np.nan),
        where=~constant & (reference > 0),
    )


def _calibration(axes: Axes, reports: Reports) -> None:
    axes.plot(
        [0, 1], [0, 1], color=GREY, linewidth=1.5, linestyle="--", label="perfect"
    )
    for n, (task, report) in enumerate(reports.items()):
        found = report["calibration"]
        label = f"{task}\n(off by {found['error']:.2f})"
        axes.plot(
            found["nominal"],
            found["empirical"],
            color=colour(n),
            linewidth=2,
            label=label,
        )
    axes.text(0.97, 0.05, "too sure", ha="right", color="#666666", fontsize=9)
    axes.text(0.03, 0.62, "too cautious", color="#666666", fontsize=9)
    axes.set(
        xlabel="coverage that the intervals claim",
        ylabel="coverage found",
        xlim=(0, 1),
        ylim=(0, 1),
    )


def _open_loop(axes: Axes, reports: Reports) -> None:
    ahead = [report["open_loop"] for report in reports.values()]
    steps = ahead[0]["steps"]
    for name, tint in PREDICTORS.items():
        _lines(
            axes, steps, [found[name] for found in ahead], tint, name.replace("_", " ")
        )
    axes.set(xscale="log", xlabel="steps ahead", ylabel="error (standard deviations)")
    axes.set_xticks(steps, [str(k) for k in steps])
    axes.set_xticks([], minor=True)
    _logarithmic(axes)


def _heuristics(axes: Axes, reports: Reports) -> None:
    for name, tint in HEURISTICS.items():
        found = [report["uncertainty"][name] for report in reports.values()]
        ranks = [f["spearman"] for f in found if f["spearman"] is not None]
        label = (
            f"{name.replace('_', ' ')}\n(rank correlation {np.mean(ranks):.2f})"
            if ranks
            else name
        )
        tenths = np.arange(1, len(found[0]["error_by_decile"]) + 1)
        _lines(axes, tenths, [f["error_by_decile"] for f in found], tint, label)
    axes.set(
        xlabel="tenth of held-out rows, least to most uncertain",
        ylabel="true error (standardised)",
        ylim=(0, None),
    )
    axes.set_xticks(tenths)


def _places(axes: Axes, reports: Reports) -> None:
    for n, (task, report) in enumerate(reports.items()):
        found = report["uncertainty"]["disagreement"]
        low, middle, high = np.array([found[place] for place in PLACES]).T
        at = np.arange(len(PLACES)) + 0.12 * (n - (len(reports) - 1) / 2)
        axes.vlines(at, low, high, color=colour(n), linewidth=2.5, alpha=0.6)
        axes.plot(at, middle, "o", color=colour(n), markersize=5, label=task)
    axes.set(
        ylabel="disagreement\n(median, 0.1 to 0.9 quantile)",
        xlim=(-0.5, len(PLACES) - 0.5),
    )
    axes.set_xticks(range(len(PLACES)), list(PLACES.values()))
    _logarithmic(axes)


def _lines(
    axes: Axes, x: Any, rows: Sequence[Sequence[float | None]], tint: str, label: str
) -> None:
    """A thin line a task, a bold one for their mean; undefined values are left out."""
    values = np.array(
        [[np.nan if v is None else v for v in row] for row in rows], np.float64
    )
    axes.plot(x, values.T, color=tint, linewidth=1, alpha=0.35)
    axes.plot(
        x,
        values.mean(axis=0),
        color=tint,
        linewidth=2.5,
        marker="o",
        markersize=4,
        label=label,
    )


def _logarithmic(axes: Axes) -> None:
    """A logarithmic axis of y with 0.2, 0.5, 1, 2, ... on it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


PANELS = (
    Panel(
        "One step: error by dimension",
        "Root mean square error of the change on held-out episodes, relative to"
        " predicting no change (1). Marks: mean over tasks; bars: from the best task to"
        " the worst. Constant dimensions are left out.",
        _by_dimension("rmse", "RMSE / RMSE of no change"),
        9.0,
    ),
    Panel(
        "One step: likelihood by dimension",
        "Negative log-likelihood of the standardised change, lower is better; the"
        " references are Gaussians as wide as their own residuals.",
        _by_dimension("nll", "negative log-likelihood (nats)"),
        9.0,
    ),
    Panel(
        "Many steps: error of open-loop roll-outs",
        "Predictions that feed on themselves along the actions of held-out episodes. A"
        " model is worth its steps for as long as it stays below its references.",
        _open_loop,
    ),
    Panel(
        "Calibration",
        "Central intervals of the ensemble's mixture that claim to hold the truth in so"
        " many cases, and how often they did on held-out rows, averaged over outputs.",
        _calibration,
    ),
    Panel(
        "Does uncertainty follow the true error?",
        "Held-out rows in ten groups, from the least to the most uncertain by each"
        " heuristic, and the error of the ensemble's mean there. A good heuristic rises"
        " from left to right.",
        _heuristics,
    ),
    Panel(
        "Disagreement inside and outside the data",
        "Held-out pairs of state and action; the same states with uniformly random"
        " actions; the same actions at states moved by noise of the data's own standard"
        " deviation. What happens outside is unknown.",
        _places,
    ),
)
COLUMNS = {
    "members": "held-out likelihood decides when each stops",
    "epochs": "until the last member stopped",
    "NLL": (
        "held-out negative log-likelihood of the ensemble's mixture, summed over"
        " outputs; no change in brackets"
    ),
    "RMSE": (
        "of one step, in standard deviations of the change; linear and no change in"
        " brackets"
    ),
    "50 steps": (
        "error of open-loop states, in standard deviations; linear and no change in"
        " brackets"
    ),
    "calibration": "mean difference of claimed and found coverage",
    "rank correlation": "of disagreement, mixture and max std with the true error",
    "outside": (
        "probability that disagreement is higher there: random action, perturbed state"
        " (0.5: it is blind)"
    ),
}


def _table(reports: Reports) -> str:
    head = "".join(
        f'<th scope="col">{escape(title)}</th>' for title in ("task", *COLUMNS)
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(task)}</th>'
        + "".join(
            f'<td style="text-align: right">{cell}</td>' for cell in _cells(report)
        )
        + "</tr>"
        for task, report in reports.items()
    )
    notes = "".join(
        f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>"
        for title, text in COLUMNS.items()
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n<dl>{notes}</dl>"
        "<p>The same held-out episodes decided when training stopped, so that one-step"
        " figures are a little kinder than new episodes would be.</p>"
    )


def _cells(report: Mapping[str, Any]) -> tuple[str, ...]:
    nll = {
        name: sum(v for v in values if v is not None)
        for name, values in report["nll"].items()
    }
    ahead = {name: report["open_loop"][name][-1] for name in PREDICTORS}
    judged = report["uncertainty"]
    outside = judged["disagreement"]["auroc"]
    return (
        str(len(report["elites"])) if "elites" in report else "-",
        str(report.get("epochs", "-")),
        f"{nll['ensemble']:.1f} ({nll['no_change']:.1f})",
        _beside(report["standardised_rmse"]),
        _beside(ahead),
        f"{report['calibration']['error']:.2f}",
        ", ".join(_number(judged[name]["spearman"]) for name in HEURISTICS),
        f"{outside['random_action']:.2f}, {outside['perturbed_state']:.2f}",
    )


def _beside(values: Mapping[str, float | None]) -> str:
    """`0.20 (0.39, 1.06)`: the ensemble's, then the linear model's and no change's."""
    ensemble, *others = (_number(values[name]) for name in PREDICTORS)
    return f"{ensemble} ({', '.join(others)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
