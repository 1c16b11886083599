"""`python -m benchmarks.interval_coverage`: how often the intervals hold the true mean.

An interval of 95 % that holds the mean of 95 % of all experiments does what it says.
Seed values are drawn from distributions whose mean is known, one experiment per row,
and the share of rows is counted whose interval (metrics.intervals) holds it. Shapes: T
trials, N seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.intervals import (
    RESAMPLES,
    bootstrap_tail,
    interval,
    resamples,
)
from oer_pipeline.reports.markdown import markdown

LEVEL = 0.95
TRIALS = 10_000
SEEDS = (3, 5, 10, 20)
PLAIN_SEEDS = (5, 10)
CHUNK = 500
"""Trials at a time: bounds the memory of their resamples."""
FAILING = 0.2
"""Of the bimodal distribution: the share of seeds that fail."""
FALL = 10.0
"""How far these are below the others, in standard deviations of either mode."""

Draw = Callable[[np.random.Generator, tuple[int, int]], FloatArray]


def _normal(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return generator.standard_normal(shape)


def _exponential(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return generator.standard_exponential(shape)


def _lognormal(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return generator.lognormal(0.0, 1.0, shape)


def _bimodal(generator: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    fails = generator.random(shape) < FAILING
    return generator.standard_normal(shape) - FALL * fails


DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (_normal, 0.0),
    "exponential": (_exponential, 1.0),
    "lognormal": (_lognormal, float(np.exp(0.5))),
    "bimodal": (_bimodal, -FALL * FAILING),
}
"""Seed values and their mean. Lognormal: of standard deviation 1 in its logarithm."""


def coverage(name: str, seeds: int, trials: int = TRIALS, plain: bool = False) -> float:
    """The share of trials whose interval holds the distribution's mean, in per cent.

    Args:
        name: of the distribution.
        seeds: values per trial.
        trials: how many; of 10,000 the share's standard error is 0.2 to 0.5 per cent.
        plain: of the plain percentile bootstrap, for comparison, instead of `interval`.
    """
    draw, mean = DISTRIBUTIONS[name]
    generator = np.random.default_rng([seeds, list(DISTRIBUTIONS).index(name)])
    values_TN = draw(generator, (trials, seeds))
    low_T, high_T = bounds(values_TN, plain)
    holds_T = (low_T <= mean) & (mean <= high_T)
    return float(100.0 * holds_T.mean())


def bounds(values_TN: FloatArray, plain: bool = False) -> tuple[FloatArray, FloatArray]:
    """The intervals of all trials at once, low and high, (T,); as `interval` has
    them."""
    from scipy.special import stdtrit

    trials, seeds = values_TN.shape
    ordered_TN = np.sort(values_TN, axis=1)
    if interval(ordered_TN[0]).method == "student_t" and not plain:
        mean_T = ordered_TN.mean(axis=1)
        sd_T = ordered_TN.std(axis=1, ddof=1)
        half_T = stdtrit(seeds - 1, (1.0 + LEVEL) / 2.0) * sd_T / np.sqrt(seeds)
        return mean_T - half_T, mean_T + half_T
    tail = (1.0 - LEVEL) / 2.0 if plain else bootstrap_tail(seeds, LEVEL)
    weights = _weights(seeds)
    parts = []
    for first in range(0, trials, CHUNK):
        means = weights @ ordered_TN[first : first + CHUNK].T
        parts.append(np.quantile(means, [tail, 1.0 - tail], axis=0))
    low_T, high_T = np.concatenate(parts, axis=1)
    return low_T, high_T


def _weights(seeds: int) -> FloatArray:
    """How much of each seed is in each resample's mean, (RESAMPLES, N)."""
    draws = resamples(seeds)
    counts = np.zeros((RESAMPLES, seeds))
    for seed in range(seeds):
        counts[:, seed] = (draws == seed).sum(axis=1)
    return counts / seeds


def table() -> str:
    """Markdown: the coverage of every number of seeds and distribution, in per cent."""
    rows = []
    for seeds in SEEDS:
        method = interval(list(range(seeds))).method
        rows.append([f"{method}, {seeds} seeds", *_row(seeds, plain=False)])
    for seeds in PLAIN_SEEDS:
        title = f"plain percentile, {seeds} seeds (not used)"
        rows.append([title, *_row(seeds, plain=True)])
    return markdown(["interval", *DISTRIBUTIONS], rows)


def _row(seeds: int, plain: bool) -> list[str]:
    return [f"{coverage(name, seeds, plain=plain):.1f}" for name in DISTRIBUTIONS]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(table(), end="")
