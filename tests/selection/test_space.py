"""Where states are compared: which dimensions count, and how they are scaled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.selection.space import StateSpace, network


def test_chosen_dimensions_are_standardised_and_constant_ones_left_out() -> None:
    draw = np.random.default_rng(0)
    data = (draw.standard_normal((40_000, 3)) * [1, 5, 9] + [0, 0, 1000]).astype(
        np.float32
    )
    data[:, 1] = 7
    space = StateSpace.of_data(torch.from_numpy(data), (1, 2))
    points = space.points(torch.from_numpy(data[:100]))
    expected = (data[:100, 2:] - data[:, 2:].mean(0, dtype=np.float64)) / (
        data[:, 2:].std(0, dtype=np.float64) + 1e-3
    )
    np.testing.assert_allclose(points.numpy(), expected, atol=2e-5)
    with pytest.raises(DataError, match=r"none of the dimensions \[1\] varies"):
        StateSpace.of_data(torch.from_numpy(data), (1,))


def test_features_are_standardised_as_features() -> None:
    data = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))

    def features(observation: FloatArray) -> FloatArray:
        return np.tile(3 * observation[:, :1] + 1, 2).astype(np.float32)

    points = StateSpace.of_data(data, embed=network(features)).points(data)
    assert points.shape == (500, 2)
    np.testing.assert_allclose(points.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(points.std(0, correction=0), 1, atol=1e-3)
    with pytest.raises(
        DataError, match="feature 0 of the data's observations is not finite"
    ):
        StateSpace.of_data(data, embed=network(lambda values: values * np.nan))


def test_given_moments_standardise_in_float64() -> None:
    """As numpy does, to the last bit."""
    data = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    mean = data.mean(axis=0, dtype=np.float64)
    std = data.std(axis=0, dtype=np.float64)
    std[2] = 0.0
    points = StateSpace.of_moments(mean, std, (0, 2, 3)).points(torch.from_numpy(data))
    chosen = [0, 3]
    expected = (data[:, chosen].astype(np.float64) - mean[chosen]) / (
        std[chosen] + 1e-3
    )
    np.testing.assert_array_equal(points.numpy(), expected)
    with pytest.raises(DataError, match=r"distance dimensions \[2\] varies"):
        StateSpace.of_moments(mean, std, (2,))
