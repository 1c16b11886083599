"""What is said of base learners: tables, figure and verdicts from their returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from oer_pipeline.metrics.intervals import interval, paired_difference
from oer_pipeline.reports.learning_curves import Panel, figure
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.reports.table import Table
from oer_pipeline.studies.base_results import Curves, Means, points_of
from oer_pipeline.studies.base_studies import ALPHAS, TASKS, Study

LINE = 100
"""Characters of a page's line."""
MIXED = ("medium_random", "medium_replay")
"""Qualities whose data hold better and worse than they are on the mean."""


def per_seed(results: Sequence[Mapping[str, Any]], point: int) -> dict[str, float]:
    """Each seed's return after `point` updates, mean over tasks; a training that
    diverged has none."""
    found = {}
    for seed in results[0]["returns"]:
        place = list(results[0]["points"]).index(point)
        values = [result["returns"][seed] for result in results]
        if all(len(returns) > place for returns in values):
            found[seed] = sum(returns[place] for returns in values) / len(values)
    return found


def verdict(
    curves: Curves,
    variant: str,
    point: int,
) -> tuple[list[str], list[str]]:
    """Where a variant is below `bc` beyond noise, and where it is above it, by
    intervals paired by seed."""
    below = []
    above = []
    for suite, quality, name in curves:
        if name != variant:
            continue
        ours = per_seed(curves[suite, quality, variant], point)
        cloning = per_seed(curves[suite, quality, "bc"], point)
        difference = paired_difference(ours, cloning)
        pair = f"{suite}, {quality}"
        if difference is None or len(ours) < len(cloning):
            below.append(f"{pair} (diverged)")
        elif difference.high is not None and difference.high < 0.0:
            below.append(pair)
        elif difference.low is not None and difference.low > 0.0:
            above.append(pair)
    return below, above


def chosen(curves: Curves, point: int) -> str | None:
    """The largest alpha, with normalised critics, that is nowhere below `bc` beyond
    noise and above it beyond its interval in two pairs or more of medium_random and
    medium_replay; None if there is none."""
    for alpha in ALPHAS:
        below, above = verdict(curves, f"alpha_{alpha}", point)
        mixed = [pair for pair in above if pair.endswith(MIXED)]
        if not below and len(mixed) >= 2:
            return alpha
    return None


def table(
    curves: Curves,
    data_means: Means,
    point: int,
) -> str:
    """Markdown: a row per suite and quality, the data beside every variant's return
    after `point` updates."""
    variants = list(dict.fromkeys(variant for _, _, variant in curves))
    levels = ("data", "doing nothing", "expert")
    pairs = dict.fromkeys((suite, quality) for suite, quality, _ in curves)
    rows = []
    for suite, quality in pairs:
        means = data_means[suite, quality]
        row = [f"{suite}, {quality}"]
        for name in levels:
            row.append(f"{means[name]:.0f}")
        for variant in variants:
            values = per_seed(curves[suite, quality, variant], point)
            row.append(_shown(list(values.values())) if values else "diverged")
        rows.append(row)
    return markdown(["suite, quality", *levels, *variants], rows)


def _shown(values: Sequence[float]) -> str:
    estimate = interval(values)
    if estimate.low is None:
        return f"{estimate.mean:.0f}"
    return f"{estimate.mean:.0f} [{estimate.low:.0f}, {estimate.high:.0f}]"


def conclusion(
    study: Study,
    curves: Curves,
    point: int,
) -> str:
    """What each variant's comparison with `bc` says, and the alpha that the rule
    takes."""
    rows = []
    for variant in study.variants:
        if variant == "bc":
            continue
        below, above = verdict(curves, variant, point)
        rows.append((variant, "; ".join(below) or "-", "; ".join(above) or "-"))
    titles = (
        f"after {point:,} updates",
        "below `bc` beyond noise",
        "above `bc` beyond its interval",
    )
    table = Table(titles, tuple(rows), words=3).markdown()
    alpha = chosen(curves, point)
    taken = "none" if alpha is None else f"alpha {alpha}"
    return f"{table}\nAfter {point:,} updates the rule takes: {taken}."


def still_rising(
    curves: Curves,
    variant: str,
    point: int,
    last: int,
) -> list[str]:
    """Suite and quality where a variant gains beyond its interval, paired by seed, by
    training on.

    Args:
        curves: of all variants.
        variant: its name.
        point: updates to train on from.
        last: updates to train on to.
    """
    found = []
    for suite, quality, name in curves:
        if name != variant:
            continue
        results = curves[suite, quality, name]
        gain = paired_difference(per_seed(results, last), per_seed(results, point))
        if gain is not None and gain.low is not None and gain.low > 0.0:
            found.append(f"{suite}, {quality}")
    return found


def convergence(
    curves: Curves,
    variant: str,
    points: Sequence[int],
) -> str:
    """Markdown: a variant's return after every number of updates, and where it still
    rises."""
    titles = [f"{variant}: suite, quality", *(f"{point:,}" for point in points)]
    rows = []
    for suite, quality, name in curves:
        if name != variant:
            continue
        row = [f"{suite}, {quality}"]
        for point in points:
            values = list(per_seed(curves[suite, quality, name], point).values())
            row.append(_shown(values) if values else "diverged")
        rows.append(row)
    text = markdown(titles, rows)
    for point in points[:-1]:
        rising = "; ".join(
            still_rising(
                curves,
                variant,
                point,
                points[-1],
            )
        )
        gains = f"Gains beyond its interval from {point:,} to {points[-1]:,} updates"
        told = fill(f"{gains}: {rising or 'nowhere'}.", LINE)
        text += f"\n{told}\n"
    return text


def picture(
    study: Study,
    curves: Curves,
    means: Means,
) -> bytes:
    """The study's curves as PNG, a row per suite and a column per quality.

    Args:
        study: says which rows, columns and lines there are.
        curves: of all its variants.
        means: drawn as levels.
    """
    points = points_of(curves)
    panels = []
    for suite in study.suites:
        for quality in study.qualities:
            lines = {}
            for variant in study.variants:
                results = curves[suite, quality, variant]
                reached = [list(per_seed(results, point).values()) for point in points]
                lines[variant] = [interval(values) for values in reached if values]
            title = f"{suite}, {quality}"
            panels.append(Panel(title, lines, means[suite, quality]))
    return figure(panels, len(study.qualities), points)


def _scope(study: Study) -> str:
    """What the tables are of, in a sentence."""
    suites = ", ".join(study.suites)
    qualities = ", ".join(study.qualities)
    variants = ", ".join(study.variants)
    told = (
        f"{TASKS} tasks of each of {suites}; seeds {study.seeds}; qualities:"
        f" {qualities}; variants: {variants}."
    )
    return fill(told, LINE)


def report(
    study: Study,
    curves: Curves,
    means: Means,
    picture: str,
) -> str:
    """The study's block of the page: what was run, tables of the last point, then what
    follows from them.

    Args:
        study: as far as it has run.
        curves: of all its variants.
        means: of the data and references.
        picture: where the figure lies, seen from the page.
    """
    points = points_of(curves)
    last = points[-1]
    parts = [
        _scope(study),
        f"![return against updates]({picture})",
        f"After {last:,} updates:\n\n{table(curves, means, last)}",
    ]
    followed = ["td3bc"]
    if study.block == "choice":
        parts += [conclusion(study, curves, point) for point in points[-2:]]
        taken = chosen(curves, last)
        alphas = ALPHAS if taken is None else (taken,)
        followed = [f"alpha_{alpha}" for alpha in alphas]
    for variant in followed:
        if variant in study.variants:
            parts.append(convergence(curves, variant, points))
            break
    return "\n\n".join(parts)
