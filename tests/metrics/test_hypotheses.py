"""Paired tests and Holm's correction against values worked out elsewhere."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy import stats

from oer_pipeline.metrics.hypotheses import detectable, holm, paired_p_value


def test_p_values_are_those_of_students_paired_test() -> None:
    generator = np.random.default_rng(0)
    for units in (3, 8, 20):
        differences = generator.normal(0.4, 1.0, units)
        wanted = stats.ttest_1samp(differences, 0.0).pvalue
        assert paired_p_value(list(differences)) == pytest.approx(wanted, rel=1e-12)
    assert paired_p_value([1.0, 2.0]) is None
    assert paired_p_value([2.0, 2.0, 2.0]) == 0.0
    assert paired_p_value([0.0, 0.0, 0.0]) == 1.0


def test_holm_as_in_his_example() -> None:
    """Wright 1992: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(found) == ["a", "b", "c", "d"]
    assert list(found.values()) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # 3 x 0.01; 2 x 0.02 = 0.04; 1 x 0.03, which may not be below 0.04
    found = holm({"a": 0.03, "b": 0.01, "c": 0.02})
    assert list(found.values()) == pytest.approx([0.04, 0.03, 0.04])
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_one_wrong_rejection_is_as_rare_as_it_says() -> None:
    """5 true hypotheses, 8 units: some adjusted value is below 0.05 in 5 % of 2,000
    studies, where bare p-values are in 23 %."""
    generator = np.random.default_rng(1)
    bare, corrected = 0, 0
    for _ in range(2_000):
        p_values = {}
        for claim in range(5):
            value = paired_p_value(list(generator.normal(size=8)))
            assert value is not None
            p_values[str(claim)] = value
        bare += min(p_values.values()) < 0.05
        corrected += min(holm(p_values).values()) < 0.05
    assert bare / 2_000 > 0.18
    assert corrected / 2_000 < 0.065


def test_what_a_study_can_show_it_shows_in_four_of_five() -> None:
    generator = np.random.default_rng(2)
    spread = np.array([-1.0, 1.0] * 4) * np.sqrt(7 / 8)  # standard deviation 1
    shows = detectable(list(spread))
    rejected = 0
    for _ in range(2_000):
        value = paired_p_value(list(generator.normal(shows, 1.0, 8)))
        assert value is not None
        rejected += value < 0.05
    assert 0.77 < rejected / 2_000 < 0.85
    assert detectable(list(spread), claims=10) > shows
    assert detectable([1.0, 2.0]) == inf
