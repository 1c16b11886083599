"""Intervals: which kind for how many seeds, their coverage, pairing."""

from __future__ import annotations

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.metrics.intervals import interval, paired_difference


def coverage(seeds: int, trials: int) -> float:
    draws = np.random.default_rng(0).normal(7.0, 3.0, (trials, seeds))
    estimates = [interval(row) for row in draws]
    return float(
        np.mean(
            [
                e.low <= 7.0 <= e.high
                for e in estimates
                if e.low is not None and e.high is not None
            ]
        )
    )


@pytest.mark.parametrize("count", [1, 2])
def test_few_seeds_are_points_without_interval(count: int) -> None:
    found = interval([4.0, 1.0][:count])
    assert (found.method, found.low, found.high, found.seeds) == (
        "points",
        None,
        None,
        count,
    )
    assert found.values == (4.0, 1.0)[:count]


def test_student_t_at_three_seeds_by_hand() -> None:
    found = interval([1.0, 2.0, 3.0])
    half = 4.302653 / np.sqrt(
        3
    )  # t quantile at 2 degrees of freedom; standard deviation 1
    assert found.method == "student_t"
    assert (found.low, found.high) == (
        pytest.approx(2 - half, abs=1e-5),
        pytest.approx(2 + half, abs=1e-5),
    )


def test_iqm_leaves_out_the_outer_quarters() -> None:
    found = interval([-1000.0, 1.0, 3.0, 50.0])
    assert found.iqm == 2.0
    assert found.mean == -236.5


def test_coverage_of_student_t_at_five_seeds() -> None:
    assert coverage(5, 2000) == pytest.approx(0.95, abs=0.015)


def test_coverage_of_the_bootstrap_at_ten_seeds() -> None:
    assert coverage(10, 400) == pytest.approx(
        0.95, abs=0.03
    )  # a plain percentile bootstrap covers 0.90


def test_bootstrap_from_ten_seeds_on_is_deterministic_in_any_order() -> None:
    values = np.random.default_rng(1).normal(size=10).tolist()
    first, again, turned = interval(values), interval(values), interval(values[::-1])
    assert first.method == "bootstrap"
    assert interval(values[:9]).method == "student_t"
    assert first == again
    assert (first.low, first.high, first.mean) == (turned.low, turned.high, turned.mean)
    assert first.low is not None
    assert first.high is not None
    assert min(values) < first.low < first.mean < first.high < max(values)


@pytest.mark.parametrize("seeds", [3, 10])
def test_a_higher_level_is_wider_and_equal_values_have_no_width(seeds: int) -> None:
    values = [float(v) for v in range(seeds)]
    wide, narrow, flat = (
        interval(values, 0.99),
        interval(values, 0.8),
        interval([2.5] * seeds),
    )
    assert wide.low is not None
    assert narrow.low is not None
    assert wide.low < narrow.low
    assert (flat.low, flat.high) == (2.5, 2.5)


def test_pairing_cancels_what_seeds_share() -> None:
    a = {0: 10.0, 1: 120.0, 2: 1001.0, 3: 5.0, 4: None}
    b = {1: 119.0, 2: 1000.0, 0: 9.0, 7: 8.0, 4: 3.0}
    found = paired_difference(a, b)
    assert found is not None
    assert found.values == (1.0, 1.0, 1.0)  # seeds 3, 4 and 7 have no partner
    assert (found.low, found.high) == (1.0, 1.0)
    assert paired_difference({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize("values", [[], [1.0, np.nan, 2.0]])
def test_values_that_say_nothing_are_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match="seed values"):
        interval(values)


def test_a_level_in_per_cent_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="95"):
        interval([1.0, 2.0, 3.0], level=95)


def test_an_interval_is_cut_where_the_mean_cannot_lie() -> None:
    values = [100.0, 90.0, 100.0]
    free, cut = interval(values), interval(values, possible=(0.0, 100.0))
    assert free.high is not None
    assert free.high > 100.0
    assert (cut.low, cut.high) == (free.low, 100.0)
    assert (cut.mean, cut.values) == (free.mean, free.values)
    low = interval([0.0, 10.0, 0.0], possible=(0.0, 100.0))
    assert low.low == 0.0
    assert interval([100.0, 90.0], possible=(0.0, 100.0)).high is None
