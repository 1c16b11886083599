"""Nodes of the ingestion pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oer_pipeline.trajectories.table import Trajectories


def ingest(
    quality: str,
    transitions: int,
    references: dict[str, Any],
    *raw: Trajectories,
) -> tuple[Trajectories, dict[str, Any]]:
    """The validated data set of one task and its card.

    Args:
        quality: its name.
        transitions: of the parameters: rows that are kept.
        references: as the collection measured them.
        raw: the kinds that the quality is cut from, in the order of `raw_kinds`.
    """
    from oer_pipeline.trajectories.card import data_card
    from oer_pipeline.trajectories.qualities import cut, raw_kinds

    kinds = dict(zip(raw_kinds(quality), raw, strict=True))
    data = cut(quality, kinds, transitions)
    return data, data_card(data, references)


def ingest_imported(
    references: dict[str, Any], raw: Trajectories
) -> tuple[Trajectories, dict[str, Any]]:
    """An imported data set, whole, and its card.

    Args:
        references: as the collection measured them.
        raw: the repaired table.
    """
    from oer_pipeline.trajectories.card import data_card
    from oer_pipeline.trajectories.qualities import IMPORTED

    data = replace(raw, metadata={**raw.metadata, "quality": IMPORTED})
    return data, data_card(data, references)


def describe(card: dict[str, Any]) -> str:
    """The card as a page."""
    from oer_pipeline.reports.card_page import card_page

    made = card["provenance"]
    title = f"{made['suite']}, task {made['task']}, {made['quality']}"
    return card_page(card, title)
