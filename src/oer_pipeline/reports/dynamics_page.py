"""How good the transition models of a suite are: a page from each task's report
(dynamics/assessment/report.py)."""

from __future__ import annotations

from collections.abc import Mapping

from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.dynamics_charts import (
    HEURISTICS,
    PREDICTORS,
    QUESTIONS,
    Report,
    Reports,
)
from oer_pipeline.reports.page import Section, page
from oer_pipeline.reports.table import Table

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
A_LITTLE_KIND = (
    "The same held-out episodes decided when training stopped, so that one-step figures"
    " are a little kinder than new episodes would be."
)


def dynamics_page(reports: Reports, suite: str, quality: str) -> str:
    """One page, every figure with the question that it answers, and a table of the
    numbers.

    Args:
        reports: of the suite's tasks.
        suite, quality: names of what the models were fitted to.
    """
    sections = [Section("Each task in numbers", [table(reports), A_LITTLE_KIND])]
    for question in QUESTIONS:
        chart = question.chart(reports)
        sections.append(Section(question.title, [question.text, chart]))
    return page(f"{suite}, {quality}: transition models", sections)


def dynamics_png(reports: Reports) -> bytes:
    """All figures on one sheet."""
    charts = [question.chart(reports) for question in QUESTIONS]
    return png(*charts, columns=3)


def table(reports: Reports) -> Table:
    """A row per task."""
    rows = [(task, *_row(report)) for task, report in reports.items()]
    return Table(("task", *COLUMNS), tuple(rows), tuple(COLUMNS.items()))


def _row(report: Report) -> tuple[str, ...]:
    likelihood = {}
    for name, values in report["nll"].items():
        likelihood[name] = sum(value for value in values if value is not None)
    ahead = {name: report["open_loop"][name][-1] for name in PREDICTORS}
    uncertainty = report["uncertainty"]
    ranks = [_number(uncertainty[name]["spearman"]) for name in HEURISTICS]
    outside = uncertainty["disagreement"]["auroc"]
    return (
        str(len(report["elites"])) if "elites" in report else "-",
        str(report.get("epochs", "-")),
        f"{likelihood['ensemble']:.1f} ({likelihood['no_change']:.1f})",
        _beside(report["standardised_rmse"]),
        _beside(ahead),
        f"{report['calibration']['error']:.2f}",
        ", ".join(ranks),
        f"{outside['random_action']:.2f}, {outside['perturbed_state']:.2f}",
    )


def _beside(values: Mapping[str, float | None]) -> str:
    """`0.20 (0.39, 1.06)`: the ensemble's, then the linear model's and no change's."""
    ensemble, *others = (_number(values[name]) for name in PREDICTORS)
    return f"{ensemble} ({', '.join(others)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
