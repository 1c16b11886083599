"""How often intervals hold the true mean: the simulation takes the intervals that are
reported, and its table is that of docs/intervals.md."""

from __future__ import annotations

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


def test_the_printed_coverage() -> None:
    """Three cells of docs/intervals.md."""
    assert 93.5 < interval_coverage.coverage("normal", 5) < 96.5
    assert interval_coverage.coverage("bimodal", 5) < 80.0
    assert 80.0 < interval_coverage.coverage("normal", 5, trials=500, plain=True) < 88.0
