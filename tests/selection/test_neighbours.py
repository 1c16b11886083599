"""Nearest neighbours against measuring every distance in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from oer_pipeline.errors import DataError
from oer_pipeline.selection import neighbours as module
from oer_pipeline.selection.neighbours import Neighbours
from oer_pipeline.types import BoolArray, FloatArray


def measured(candidates: FloatArray, queries: FloatArray, dimensions: Sequence[int], left: BoolArray) -> FloatArray:
    """All distances (Q, C), infinite for candidates that are out."""
    used = candidates[:, dimensions]
    mean, std = used.mean(0, dtype=np.float64).astype(np.float32), used.std(0, dtype=np.float64).astype(np.float32)

    def scaled(x: FloatArray) -> FloatArray:
        return ((x[:, dimensions] - mean) / (std + 1e-3)).astype(np.float64)

    distance = np.sqrt(((scaled(queries)[:, None] - scaled(candidates)[None]) ** 2).sum(-1))
    return np.where(left, distance, np.inf)


@pytest.fixture(params=[64, 2**19], ids=["tiny chunks", "default"], autouse=True)
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BOUNDS", request.param)
    monkeypatch.setattr(module, "QUERIES", 16)
    monkeypatch.setattr(module, "PAIRS", 3)


@pytest.mark.parametrize("kind", ["spread", "clusters", "grid"])
def test_the_nearest_is_that_of_all_distances_and_ties_go_to_the_lower_index(kind: str) -> None:
    draw = np.random.default_rng(0)
    candidates = draw.standard_normal((700, 6)).astype(np.float32)
    if kind == "clusters":  # far from the mean, much closer together than a matrix product in float32 can tell
        candidates = (np.sign(candidates[:, :1]) * 100 + 1e-3 * candidates).astype(np.float32)
    if kind == "grid":  # many exact ties and duplicates
        candidates = np.round(candidates)
    queries = candidates[draw.choice(700, 50)] + (1e-3 * draw.standard_normal((50, 6)) if kind != "grid" else 0.5)
    dimensions = [0, 1, 2, 4]
    search, left = Neighbours(candidates, candidates, dimensions), np.ones(700, bool)
    for taken in draw.permutation(700)[:300]:
        search.take(int(taken))
        left[taken] = False
    index, distance = search.nearest(queries.astype(np.float32))
    expected = measured(candidates, queries.astype(np.float32), dimensions, left)
    np.testing.assert_array_equal(index.numpy(), expected.argmin(1))
    np.testing.assert_allclose(distance.numpy(), expected.min(1), rtol=1e-12)


def test_a_row_is_not_its_own_neighbour() -> None:
    candidates = np.random.default_rng(1).standard_normal((200, 3)).astype(np.float32)
    itself = torch.arange(0, 200, 3)
    index, distance = Neighbours(candidates, candidates, range(3)).nearest(candidates[itself.numpy()], itself)
    expected = measured(candidates, candidates[itself.numpy()], range(3), np.ones(200, bool))
    expected[np.arange(len(itself)), itself.numpy()] = np.inf
    np.testing.assert_array_equal(index.numpy(), expected.argmin(1))
    assert distance.min() > 0


def test_a_constant_dimension_does_not_count() -> None:
    candidates = np.array([[0, 7], [1, 7], [2, 7]], np.float32)
    index, _ = Neighbours(candidates, candidates, (0, 1)).nearest(np.array([[0.9, 1e6]], np.float32))
    assert index.tolist() == [1]
    with pytest.raises(DataError, match=r"none of the dimensions \[1\] varies"):
        Neighbours(candidates, candidates, (1,))


def test_when_nothing_is_left_or_within_the_numbers_there_is_no_neighbour() -> None:
    candidates = np.array([[0.0], [1.0]], np.float32)
    search = Neighbours(candidates, candidates, (0,))
    far = np.array([[1e30], [0.0]], np.float32)
    assert search.nearest(far)[0].tolist() == [-1, 0]
    search.take(0)
    search.take(1)
    index, distance = search.nearest(far)
    assert index.tolist() == [-1, -1]
    assert distance.isinf().all()
