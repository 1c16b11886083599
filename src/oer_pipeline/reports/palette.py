"""Colours that colour-blind readers tell apart."""

from __future__ import annotations

PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#A6761D",
    "#808080",
)  # after Okabe and Ito; legible on white and on near black
GREY = "#B8B8B8"
SCALE = "viridis"
"""Colours of numbers, from low to high."""
BRIGHT = 0.43
"""The share of the scale from which on black text reads better than white."""


def colour(index: int) -> str:
    """The palette's colour, from the start again when it is used up."""
    return PALETTE[index % len(PALETTE)]
