"""Nearest neighbours against measuring every distance in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oer_pipeline.common.types import FloatArray
from oer_pipeline.selection import neighbours as module
from oer_pipeline.selection.neighbours import NeighbourSearch, Query


def measured(points: FloatArray, queries: FloatArray) -> FloatArray:
    """All distances (Q, C)."""
    return np.sqrt(
        (
            (queries.astype(np.float64)[:, None] - points.astype(np.float64)[None]) ** 2
        ).sum(-1)
    )


def made(kind: str, draw: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """700 points and 50 queries."""
    points = draw.standard_normal((700, 4)).astype(np.float32)
    if (
        kind == "clusters"
    ):  # far from the origin, much closer together than a product in float32 can tell
        points = (np.sign(points[:, :1]) * 10 + 1e-5 * points).astype(np.float32)
    if kind == "grid":  # many exact ties and duplicates
        points = np.round(points)
    queries = points[draw.choice(700, 50)] + (
        1e-4 * draw.standard_normal((50, 4)) if kind != "grid" else 0.5
    )
    return points, queries.astype(np.float32)


def ask(
    search: NeighbourSearch, queries: FloatArray, **options: object
) -> tuple[FloatArray, FloatArray]:
    query = Query(torch.from_numpy(queries), **options)  # type: ignore[arg-type]
    found = search.nearest({0: query})[0]
    return found.index.numpy(), found.distance.numpy()


@pytest.fixture(params=[64, 2**19], ids=["tiny chunks", "default"], autouse=True)
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BOUNDS", {"cpu": request.param})
    monkeypatch.setattr(module, "QUERIES", 16)
    monkeypatch.setattr(module, "PAIRS", 3)


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("kind", ["spread", "clusters", "grid"])
def test_each_member_finds_the_nearest_of_what_is_open_to_it(
    kind: str, count: int
) -> None:
    draw = np.random.default_rng(0)
    points, queries = made(kind, draw)
    search = NeighbourSearch(torch.from_numpy(points), members=3)
    expected = {}
    asked = {}
    for member in (0, 1, 2):
        closed = draw.permutation(700)[: 300 * member]
        for candidate in closed.tolist():
            search.close(candidate, member)
        distance = measured(points, queries[member::3])
        distance[:, closed] = np.inf
        without = [draw.choice(700, 5).tolist() for _ in distance]
        for row, hidden in zip(distance, without, strict=True):
            row[hidden] = np.inf
        order = np.argsort(distance, axis=1, kind="stable")[:, :count]
        expected[member] = order, np.take_along_axis(distance, order, 1)
        asked[member] = Query(torch.from_numpy(queries[member::3]), count, without)
    together = search.nearest(asked)
    for member, (index, distance) in expected.items():
        alone = search.nearest({member: asked[member]})[member]
        np.testing.assert_array_equal(together[member].index.numpy(), index)
        np.testing.assert_allclose(
            together[member].distance.numpy(), distance, rtol=1e-12
        )
        assert torch.equal(together[member].index, alone.index)
        assert torch.equal(together[member].distance, alone.distance)


@pytest.mark.parametrize("kind", ["spread", "clusters", "grid"])
def test_all_within_a_radius_are_found_and_no_other(kind: str) -> None:
    points, queries = made(kind, np.random.default_rng(1))
    distances = measured(points, queries)
    search = NeighbourSearch(torch.from_numpy(points))
    for query, distance in zip(queries, distances, strict=True):
        radius = float(np.sort(distance)[20]) * (1 + 1e-12)
        within = search.within(torch.from_numpy(query), radius)
        assert sorted(within.tolist()) == np.flatnonzero(distance <= radius).tolist()


def test_when_nothing_is_left_or_within_the_numbers_there_is_no_neighbour() -> None:
    search = NeighbourSearch(torch.tensor([[0.0], [1.0]]))
    far = np.array([[1e30], [0.0]], np.float32)
    assert ask(search, far)[0].tolist() == [[-1], [0]]
    assert ask(search, far, count=3)[0].tolist() == [[-1, -1, -1], [0, 1, -1]]
    search.close(torch.tensor([0, 1]))
    index, distance = ask(search, far, count=2)
    assert (index == -1).all()
    assert np.isinf(distance).all()


def test_members_that_ask_for_different_counts_are_refused() -> None:
    search = NeighbourSearch(torch.zeros(3, 1), members=2)
    with pytest.raises(ValueError, match=r"queries for \[1, 2\] neighbours"):
        search.nearest({0: Query(torch.zeros(1, 1), 1), 1: Query(torch.zeros(1, 1), 2)})
