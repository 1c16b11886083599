"""A colour per method, the same in every figure of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from oer_pipeline.reports.cell_metrics import Cell
from oer_pipeline.reports.palette import PALETTE, colour


def colours_of(order: Sequence[Cell]) -> dict[str, str]:
    """Name -> colour, by rank."""
    return {cell["cell"]: colour(place) for place, cell in enumerate(order)}


def is_dashed(place: int) -> bool:
    """Whether the line of the method at a rank is: its colour is used before."""
    return place // len(PALETTE) % 2 == 1
