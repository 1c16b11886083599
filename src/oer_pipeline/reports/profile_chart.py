"""Performance profiles of all methods: the share of runs that reaches a score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.profiles import Profile, performance_profile
from oer_pipeline.reports.cell_metrics import UNITS, Cell, matrices, ranked
from oer_pipeline.reports.chart import Axis, Band, Chart, Layer, Panel, Series
from oer_pipeline.reports.method_colours import colours_of, is_dashed

POINTS = 121
FEW = 6
"""Methods up to which bands are drawn."""


def chart(cells: Sequence[Cell], in_scale: str) -> Chart:
    """A line per method with a band; a run is a seed on a task, after the last task.

    Args:
        cells: metrics documents.
        in_scale: `success`, `normalised` or `raw`; all of them need to have it.

    Raises:
        DataError: cells that may not be compared (`cell_metrics.ranked`).
    """
    order = ranked(cells)
    scores = [matrices(cell, in_scale)[:, -1, :] for cell in order]
    thresholds = _thresholds(np.concatenate(scores))
    colours = colours_of(order)
    bands: list[Layer] = []
    lines: list[Layer] = []
    for place, (cell, own) in enumerate(zip(order, scores, strict=True)):
        name = cell["cell"]
        profile = performance_profile(own, thresholds)
        if len(order) <= FEW and not np.isnan(profile.low).all():
            band = Band(thresholds, profile.low, profile.high, colours[name], name)
            bands.append(band)
        lines.append(_line(profile, name, colours[name], is_dashed(place)))
    return Chart(
        "Share of runs that score more",
        [
            Panel(
                [*bands, *lines],
                Axis(f"{UNITS[in_scale]} at the end"),
                Axis("share of runs (seeds x tasks)", limits=(-0.03, 1.03)),
            )
        ],
        (9.0, 3.6),
        legend="method",
    )


def _thresholds(scores: FloatArray) -> FloatArray:
    """From just below the lowest score to just above the highest."""
    low = float(scores.min())
    high = float(scores.max())
    room = 0.03 * (high - low) or 1.0
    return np.linspace(low - room, high + room, POINTS)


def _line(profile: Profile, name: str, colour: str, dashed: bool) -> Series:
    hover = []
    for threshold, share in zip(profile.thresholds, profile.share, strict=True):
        hover.append(f"{name}: {share:.0%} of runs above {threshold:.1f}")
    return Series(
        profile.thresholds,
        profile.share,
        colour,
        name,
        line=2.5,
        dashed=dashed,
        hover=hover,
    )
