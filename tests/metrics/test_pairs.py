"""Pairs of methods: the paired t test, held against scipy, and Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from oer_pipeline.metrics.hypotheses import holm
from oer_pipeline.metrics.pairs import against, all_pairs

A = {"0": 10.0, "1": 12.0, "2": 11.0, "3": 14.0}
B = {"0": 9.0, "1": 9.5, "2": 10.0, "3": 11.0}
C = {"0": 1.0, "1": 3.0, "2": 1.5, "3": 4.0}


def test_p_is_that_of_the_paired_t_test() -> None:
    [pair] = all_pairs({"a": A, "b": B})
    wanted = ttest_rel(list(A.values()), list(B.values())).pvalue
    assert pair.p == pytest.approx(wanted)
    assert pair.corrected == pair.p
    assert pair.difference is not None
    assert pair.difference.mean == pytest.approx(1.875)


def test_a_pair_is_corrected_for_how_many_there_are() -> None:
    scores = {"a": A, "b": B, "c": C}
    every = all_pairs(scores)
    names = [(pair.first, pair.second) for pair in every]
    assert names == [("a", "b"), ("a", "c"), ("b", "c")]
    ps = {str(place): pair.p for place, pair in enumerate(every)}
    corrected = list(holm(ps).values())
    assert [pair.corrected for pair in every] == pytest.approx(corrected)
    from_b = against(scores, "b")
    assert [(pair.first, pair.second) for pair in from_b] == [("b", "a"), ("b", "c")]
    assert from_b[0].corrected == pytest.approx(every[0].p)  # the larger of two


def test_who_is_ahead_and_who_is_told_apart() -> None:
    [close, far, _] = all_pairs({"a": A, "b": B, "c": C})
    assert far.is_told_apart
    assert far.is_ahead
    assert close.is_ahead  # by itself, and no more once all three pairs are counted
    assert close.p is not None
    assert close.p < 0.05
    assert not all_pairs({"b": B, "a": A})[0].is_ahead


def test_common_seeds_alone_count_and_too_few_say_nothing() -> None:
    [pair] = all_pairs({"a": {"0": 5.0, "1": 6.0, "2": None}, "b": B})
    assert pair.difference is not None
    assert pair.difference.seeds == 2
    assert (pair.p, pair.corrected, pair.is_told_apart) == (None, None, False)
    [without] = all_pairs({"a": {"7": 1.0}, "b": B})
    assert without.difference is None


def test_equal_differences_are_certain() -> None:
    same = {seed: value - 2.0 for seed, value in A.items()}
    assert all_pairs({"a": A, "b": same})[0].p == 0.0
    assert all_pairs({"a": A, "b": dict(A)})[0].p == 1.0


def test_the_corrected_test_errs_no_more_than_it_claims() -> None:
    draws = np.random.default_rng(0).normal(size=(400, 4, 5))
    wrong = 0
    for methods in draws:
        scores = {str(n): dict(enumerate(own)) for n, own in enumerate(methods)}
        wrong += any(pair.is_told_apart for pair in all_pairs(scores))
    assert wrong / len(draws) < 0.08
