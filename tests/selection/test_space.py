"""Where states are compared: which dimensions count, and how they are scaled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import DataError
from oer_pipeline.selection.space import Space, network, raw


def test_chosen_dimensions_are_standardised_and_constant_ones_left_out() -> None:
    draw = np.random.default_rng(0)
    data = (draw.standard_normal((40_000, 3)) * [1, 5, 9] + [0, 0, 1000]).astype(
        np.float32
    )
    data[:, 1] = 7
    points = Space.of(torch.from_numpy(data), raw, (1, 2))(torch.from_numpy(data[:100]))
    expected = (data[:100, 2:] - data[:, 2:].mean(0, dtype=np.float64)) / (
        data[:, 2:].std(0, dtype=np.float64) + 1e-3
    )
    np.testing.assert_allclose(points.numpy(), expected, atol=2e-5)
    with pytest.raises(DataError, match=r"none of the dimensions \[1\] varies"):
        Space.of(torch.from_numpy(data), raw, (1,))


def test_features_are_standardised_as_features() -> None:
    data = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    space = Space.of(
        data,
        network(
            lambda observation: np.tile(3 * observation[:, :1] + 1, 2).astype(
                np.float32
            )
        ),
    )
    points = space(data)
    assert points.shape == (500, 2)
    np.testing.assert_allclose(points.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(points.std(0, correction=0), 1, atol=1e-3)
    with pytest.raises(
        DataError, match="feature 0 of the data's observations is not finite"
    ):
        Space.of(data, network(lambda observation: observation * np.nan))
