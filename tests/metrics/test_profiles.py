"""Run-score distributions by hand."""

from __future__ import annotations

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics.intervals import interval
from oer_pipeline.metrics.profiles import performance_profile

SCORES = np.array([[10.0, 50.0], [20.0, 60.0], [90.0, 95.0]])


def test_shares_by_hand() -> None:
    found = performance_profile(SCORES, [0.0, 15.0, 55.0, 95.0])
    np.testing.assert_allclose(found.share, [1.0, 5 / 6, 3 / 6, 0.0])  # above, not at


def test_the_seed_is_the_unit_of_the_band() -> None:
    found = performance_profile(SCORES, [15.0, 55.0])
    wanted = interval([0.0, 0.5, 1.0], possible=(0.0, 1.0))
    assert (found.low[1], found.high[1]) == (wanted.low, wanted.high)
    assert (found.low >= 0.0).all()
    assert (found.high <= 1.0).all()


def test_two_seeds_have_no_band() -> None:
    found = performance_profile(SCORES[:2], [15.0])
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()


@pytest.mark.parametrize("scores", [[1.0, 2.0], [[np.nan, 1.0]], np.zeros((0, 2))])
def test_what_is_no_matrix_of_scores_is_refused(scores: object) -> None:
    with pytest.raises(DataError, match=r"scores of a profile have shape"):
        performance_profile(scores, [0.0])
