"""Buffer fidelity on sets whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.standardisation import EPSILON
from oer_pipeline.metrics.fidelity import buffer_fidelity, mean_nearest

ZERO, ONE = (
    np.zeros(3),
    np.ones(3) - EPSILON,
)  # statistics that leave the numbers as they are


def test_identical_sets_are_at_distance_zero() -> None:
    states = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    found = buffer_fidelity(states, states[::-1], ZERO, ONE, (0, 1, 2))
    assert (found.visits_to_buffer, found.buffer_to_visits) == (0.0, 0.0)


def test_both_directions_of_a_planted_example() -> None:
    visits = np.array([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
    buffer = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [10.0, 0.0, 0.0]])
    found = buffer_fidelity(visits, buffer, ZERO, ONE, (0, 1, 2))
    assert found.visits_to_buffer == pytest.approx((0 + np.hypot(3, 3)) / 2)
    assert found.buffer_to_visits == pytest.approx((0 + 1 + 10) / 3)


def test_spread_alone_helps_one_direction_only() -> None:
    generator = np.random.default_rng(0)
    visits = generator.normal(size=(400, 3))
    near, spread = (
        visits[:100] + 0.01,
        np.concatenate([visits[::4], generator.uniform(-30, 30, (300, 3))]),
    )
    a, b = (
        buffer_fidelity(visits, buffer, ZERO, ONE, (0, 1, 2))
        for buffer in (near, spread)
    )
    assert b.visits_to_buffer < 1.1 * a.visits_to_buffer
    assert b.buffer_to_visits > 10 * a.buffer_to_visits


def test_distance_is_standardised_over_the_given_dimensions_that_vary() -> None:
    visits, buffer = (
        np.array([[6.0, 1.0, 500.0, 7.0]]),
        np.array([[2.0, 1.0, -500.0, 3.0]]),
    )
    std = np.array([2.0 - EPSILON, 5.0, 1.0, 0.0])
    found = buffer_fidelity(
        visits, buffer, np.full(4, 9.0), std, (0, 1, 3)
    )  # 2 is an odometer, 3 never varies
    assert found.visits_to_buffer == pytest.approx(2.0)


def test_neighbours_are_exact() -> None:
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=(300, 19)), generator.normal(size=(200, 19))
    brute = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)).min(axis=1).mean()
    assert mean_nearest(a, b) == pytest.approx(brute, rel=1e-12)


@pytest.mark.parametrize("dimensions", [1, 3, 4, 7, 8, 19])
def test_distances_are_those_of_a_tree_to_the_last_bit(dimensions: int) -> None:
    """What results so far were measured with."""
    draw = np.random.default_rng(dimensions)
    a, b = draw.normal(size=(300, dimensions)), draw.normal(size=(200, dimensions))
    distances, _ = cKDTree(b).query(a)
    assert mean_nearest(a, b) == float(np.mean(distances))


@pytest.mark.parametrize(
    ("visits", "named"),
    [
        (np.zeros((0, 3)), r"visits have shape \(0, 3\)"),
        (np.zeros((4, 2)), r"visits have shape \(4, 2\)"),
        (np.array([[0.0, 0, 0], [0, np.nan, 0]]), "visits: row 1"),
    ],
)
def test_broken_sets_are_refused(visits: np.ndarray, named: str) -> None:
    with pytest.raises(DataError, match=named):
        buffer_fidelity(visits, np.zeros((2, 3)), ZERO, ONE, (0, 1, 2))


def test_no_dimension_that_varies_is_refused() -> None:
    with pytest.raises(DataError, match=r"\[0, 1\] varies"):
        buffer_fidelity(np.zeros((1, 3)), np.zeros((1, 3)), ZERO, np.zeros(3), (0, 1))
