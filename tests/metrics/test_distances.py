"""Distances between states: exact, whatever the chunks, and of the data's own scale."""

from __future__ import annotations

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.distances import DataSpace, distances_to_nearest, nearest
from oer_pipeline.selection import neighbours


def between(queries: FloatArray, points: FloatArray) -> FloatArray:
    """All distances (Q, P)."""
    return np.linalg.norm(queries[:, None] - points[None], axis=2)


@pytest.mark.parametrize("bounds", [7 * 80, neighbours.BOUNDS["cpu"]])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_nearest_is_exact_whatever_the_chunks(
    bounds: int, offset: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far from the origin too, where a product's rounding hides which is nearest."""
    monkeypatch.setattr(neighbours, "BOUNDS", {"cpu": bounds})
    draw = np.random.default_rng(3)
    queries = offset + draw.normal(size=(100, 9))
    points = offset + draw.normal(size=(80, 9))
    distance = between(queries, points)
    np.testing.assert_array_equal(nearest(queries, points), distance.argmin(axis=1))
    np.testing.assert_array_equal(
        distances_to_nearest(queries, points), distance.min(axis=1)
    )


def test_of_points_closer_than_a_product_can_tell_the_nearest_is_taken() -> None:
    draw = np.random.default_rng(0)
    points = 100.0 + 1e-7 * draw.normal(size=(200, 5))
    queries = 100.0 + 1e-7 * draw.normal(size=(50, 5))
    expected = between(queries, points).argmin(axis=1)
    np.testing.assert_array_equal(nearest(queries, points), expected)


def test_a_point_can_be_excluded() -> None:
    points = np.array([[0.0], [1.0], [3.0]])
    assert nearest(points, points).tolist() == [0, 1, 2]
    assert nearest(points, points, np.arange(3)).tolist() == [1, 0, 1]
    assert distances_to_nearest(points, points, np.arange(3)).tolist() == [1, 1, 2]


def test_states_are_compared_on_the_dimensions_that_vary() -> None:
    data = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    data[:, 1] = 2.0
    space = DataSpace.of(data, (0, 1))
    assert space.columns == (0,)
    std = data[:, 0].std(dtype=np.float64)
    moved = data[:5] + np.float32([0.0, 9.0, 9.0])
    read_only = data[::-1].copy()
    read_only.flags.writeable = False
    assert space.distances(moved, read_only).tolist() == [0.0] * 5
    far = np.float32([[data[:, 0].max() + 1.0, 0.0, 0.0]])
    expected = pytest.approx(1.0 / (std + 1e-3), rel=1e-5)
    assert space.distances(far, data)[0] == expected
    with pytest.raises(DataError, match=r"dimensions \[1\] varies"):
        DataSpace.of(data, (1,))
