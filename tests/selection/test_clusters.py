"""Rows that represent visited points: one per cluster, the largest first."""

from __future__ import annotations

import torch

from oer_pipeline.selection.clusters import representatives


def points(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None]


def test_each_of_two_groups_is_represented_by_its_middle_the_larger_first() -> None:
    visited = points(10.0, 0.0, 10.2, 10.1, 0.2, 0.1, 10.05)
    rows = torch.arange(7)
    places = representatives(visited, rows, 2)
    assert visited[places].flatten().tolist() == torch.tensor([10.1, 0.1]).tolist()


def test_a_row_that_is_visited_often_weighs_as_much() -> None:
    """Without weights the middle of 0, 1, 2, 9 would be 3, and row 2 its nearest."""
    visited = points(0.0, 1.0, 2.0, 9.0, *[0.0] * 20)
    rows = torch.tensor([0, 1, 2, 3] + [0] * 20)
    assert representatives(visited, rows, 1).tolist() == [0]


def test_no_row_is_taken_twice_and_all_are_if_there_are_no_more() -> None:
    visited = points(0.0, 0.0, 5.0, 5.0, 7.0)
    rows = torch.tensor([4, 4, 2, 2, 9])
    assert representatives(visited, rows, 3).tolist() == [0, 2, 4]
    assert representatives(visited, rows, 8).tolist() == [0, 2, 4]
    two = representatives(visited, rows, 2)
    assert len(set(rows[two].tolist())) == 2


def test_many_rows_are_closer_to_what_was_visited_than_as_many_drawn_ones() -> None:
    draws = torch.Generator().manual_seed(0)
    visited = torch.randn((2_000, 4), generator=draws)
    chosen = visited[representatives(visited, torch.arange(2_000), 50)]
    drawn = visited[:50]

    def far(buffer: torch.Tensor) -> float:
        return float(torch.cdist(visited, buffer).amin(dim=1).mean())

    assert far(chosen) < 0.95 * far(drawn)
