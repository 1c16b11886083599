"""How often intervals hold the true mean: the simulation takes the intervals that are
reported, and its table is that of docs/intervals.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import interval_coverage
from oer_pipeline.metrics.intervals import interval


@pytest.mark.parametrize("seeds", [3, 9, 10, 20])
def test_the_simulation_takes_the_intervals_that_are_reported(seeds: int) -> None:
    values = np.random.default_rng(seeds).lognormal(size=(5, seeds))
    low, high = interval_coverage.bounds(values)
    for row, own_low, own_high in zip(values, low, high, strict=True):
        found = interval(row)
        assert (found.low, found.high) == (
            pytest.approx(own_low),
            pytest.approx(own_high),
        )


@pytest.mark.parametrize("name", interval_coverage.DISTRIBUTIONS)
def test_the_simulation_knows_its_distributions_means(name: str) -> None:
    draw, mean = interval_coverage.DISTRIBUTIONS[name]
    values = draw(np.random.default_rng(0), (1_000, 1_000))
    assert values.mean() == pytest.approx(mean, abs=5 * values.std() / 1_000)


@pytest.mark.parametrize(
    ("title", "seeds", "trials", "error"),
    [
        ("student_t, 3 seeds", 3, interval_coverage.TRIALS, 0.051),
        ("student_t, 5 seeds", 5, interval_coverage.TRIALS, 0.051),
        ("bootstrap, 10 seeds", 10, 1_000, 4.0),  # some three standard errors
    ],
)
def test_the_page_has_the_coverage_that_is_simulated(
    title: str, seeds: int, trials: int, error: float
) -> None:
    page = (Path(__file__).parents[2] / "docs/intervals.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith(f"| {title} |")]
    shown = [float(cell) for cell in row.split("|")[2:-1]]
    simulated = []
    for name in interval_coverage.DISTRIBUTIONS:
        simulated.append(interval_coverage.coverage(name, seeds, trials))
    assert shown == pytest.approx(simulated, abs=error)


def test_a_plain_percentile_interval_of_five_seeds_holds_too_little() -> None:
    assert 80.0 < interval_coverage.coverage("normal", 5, trials=500, plain=True) < 88.0
